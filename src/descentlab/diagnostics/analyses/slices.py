"""Slices of the loss through a point: along one direction, and over the plane of two.

Source: Goodfellow, Vinyals and Saxe (2015), arXiv:1412.6544; Li, Xu, Taylor, Studer and Goldstein (2018), "Visualizing the loss
landscape of neural nets", arXiv:1712.09913.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from descentlab.diagnostics.analyses.weights import Evaluate, Named, moved


@dataclass(frozen=True)
class Slice:
    """The loss along a line or over a plane.

    Attributes:
        x: (n,) distances along the first direction, in its length.
        y: (m,) those along the second one; empty for a line.
        loss: (n,) for a line; (m, n), a row for each y, for a plane.
    """

    x: Sequence[float]
    y: Sequence[float]
    loss: Sequence[float] | Sequence[Sequence[float]]


def line(evaluate: Evaluate, centre: Named, direction: Named, x: Sequence[float]) -> Slice:
    """Return the loss at centre + x direction."""
    return Slice(x, [], [float(evaluate(moved(centre, [(each, direction)]))["loss"]) for each in x])


def plane(evaluate: Evaluate, centre: Named, first: Named, second: Named, x: Sequence[float], y: Sequence[float]) -> Slice:
    """Return the loss at centre + x first + y second."""
    rows = [[float(evaluate(moved(centre, [(a, first), (b, second)]))["loss"]) for a in x] for b in y]
    return Slice(x, y, rows)


def spaced(low: float, high: float, points: int) -> list[float]:
    """Return `points` equally spaced numbers from `low` to `high`; with 0 exactly if it is one of them."""
    step = (high - low) / (points - 1)
    values = [low + index * step for index in range(points)]
    return [0.0 if abs(each) < 1e-9 * abs(high - low) else each for each in values]
