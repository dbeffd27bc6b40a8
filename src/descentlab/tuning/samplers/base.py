"""The interface of samplers."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Protocol

ROUND = 4  # trials that start together where later ones depend on the results of earlier ones
Unit = Sequence[float]  # a position in the unit cube, with a coordinate for each key of the search space


class Sampler(Protocol):
    """Proposes points of one arm, in a fixed order that is extended when more are requested.

    Attributes:
        library: the library that implements the sampler, and its version.
        size: the number of points of a finite sampler, such as a grid; None if it is not limited.
    """

    library: str
    size: int | None

    def propose(self, count: int, scores: Sequence[float | None]) -> Sequence[Unit]:
        """Return the first points, at most `count`; fewer if further points depend on scores that are not known yet.

        Args:
            count: the number of points requested.
            scores: the scores of the first trials, in their order, higher is better; None for a trial that gave no value.
        """
        ...


def library(name: str) -> str:
    """Return the name and the version of an installed library."""
    return f"{name} {version(name)}"
