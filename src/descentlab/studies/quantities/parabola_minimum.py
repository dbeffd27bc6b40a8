"""The position of a minimum between the points of a grid."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import Array, paired, positive_rates


class Minimum(NamedTuple):
    """The minimum of a function known at some points.

    Args:
        log2: the binary logarithm of its position.
        is_edge: True if the best point is the first or the last one, so that the minimum may lie beyond it.
        is_interpolated: True if it is that of the parabola; False if it is the best point itself, since that is an edge, or
            since the run at a neighbour diverged.
    """

    log2: float
    is_edge: bool
    is_interpolated: bool


def parabola_minimum(rates: ArrayLike, values: ArrayLike, worst: float | None = None) -> Minimum | None:
    """Return the minimum of the parabola through the best point and its two neighbours; None if no value is finite.

    The parabola is that of log(value) over log2(rate). Through (u - d, a), (u, b), (u + e, c) with b <= a, c its minimum is at
    u + (e^2 (a - b) - d^2 (c - b)) / (2 (e (a - b) + d (c - b))); for d = e = 1 that is u + (a - c) / (2 (a - 2 b + c)).

    Source: successive parabolic interpolation (Press et al., Numerical Recipes, 3rd edition, eq. 10.3.1).

    Args:
        rates: (n,) learning rates, in any order.
        values: (n,) the loss of each, positive; NaN, None or infinite if the run diverged.
        worst: values above it, and those of diverged runs, count as this one, for instance the loss of the untrained model.

    Raises:
        ValueError: the lengths differ, a rate is not positive, two are equal, or a finite value is not positive.
    """
    x, y = paired(rates, values)
    order = np.argsort(positive_rates(x))
    u, y = np.log2(x[order]), np.where(np.isnan(y[order]), np.inf, y[order])
    if (y <= 0).any():
        raise ValueError("a value is not positive")
    losses = np.log(y if worst is None else np.minimum(y, worst))
    if not np.isfinite(losses).any():
        return None
    best = int(losses.argmin())
    is_edge = best in (0, len(u) - 1)
    shift = None if is_edge else _shift(u[best - 1 : best + 2], losses[best - 1 : best + 2])
    return Minimum(float(u[best] + (shift or 0.0)), is_edge, shift is not None)


def _shift(u: Array, losses: Array) -> float | None:
    """Return the distance of the parabola's minimum from the point in the middle; None if there is no parabola."""
    below, above = u[1] - u[0], u[2] - u[1]
    fall, rise = losses[0] - losses[1], losses[2] - losses[1]
    curvature = above * fall + below * rise
    if not 0 < curvature < np.inf:
        return None
    return float((below**2 * -rise + above**2 * fall) / (2 * curvature))
