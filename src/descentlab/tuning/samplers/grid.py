"""A grid: points that are equally spaced on the scale of each range, ends included, in every combination."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from descentlab.config.search import Choices, Range
from descentlab.errors import UsageError
from descentlab.tuning.samplers.base import Unit, library


class EvenGrid:
    """The largest grid of at most `trials` points: every choice, and the same number of levels for each interval.

    Args:
        ranges: the ranges of the search space.
        trials: the largest number of points.
        seed: not used.

    Raises:
        UsageError: the combinations of the choices, with two levels of each of several intervals, are more than `trials`.
    """

    def __init__(self, ranges: Sequence[Range], trials: int, seed: int) -> None:
        self.library = library("descentlab")
        choices = math.prod(len(each.options) for each in ranges if isinstance(each, Choices))
        if choices > trials:
            raise UsageError(f"sampler=grid: the choices have {choices} combinations, more than trials={trials}")
        intervals = sum(not isinstance(each, Choices) for each in ranges)
        levels = 1
        while intervals and choices * (levels + 1) ** intervals <= trials:
            levels += 1
        if intervals > 1 and levels < 2:
            fewest = choices * 2**intervals
            raise UsageError(f"sampler=grid: {intervals} ranges need at least trials={fewest}, two levels of each")
        axes = [_centres(len(each.options)) if isinstance(each, Choices) else _levels(levels) for each in ranges]
        self.units: list[Unit] = list(itertools.product(*axes))
        self.size = len(self.units)

    def propose(self, count: int, scores: Sequence[float | None]) -> Sequence[Unit]:
        """Return the first `count` points of the grid."""
        return self.units[:count]


def _levels(count: int) -> list[float]:
    """Return positions from 0 to 1; the middle if there is one only."""
    return [level / (count - 1) for level in range(count)] if count > 1 else [0.5]


def _centres(count: int) -> list[float]:
    """Return a position in [0, 1] within the part of each of `count` choices."""
    return [(index + 0.5) / count for index in range(count)]
