"""Ratios of two means of any sign, with Fieller's interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from descentlab.report.statistics.equivalence import needed_pairs
from descentlab.report.statistics.interval import Array
from descentlab.studies.inference.bounds import Bound
from descentlab.studies.inference.estimates import fewest_equal
from descentlab.studies.inference.observations import Seeds


@dataclass(frozen=True)
class RatioOfMeans:
    """The ratio of the means of two arms.

    The interval consists of the r for which a t-test does not distinguish the mean of first - r second from 0: the solutions of
    (b^2 - t^2 v_b) r^2 - 2 (a b - t^2 c) r + (a^2 - t^2 v_a) <= 0, with a and b the means, v_a, v_b and c the variances and the
    covariance of the means, and t the quantile of Student's t distribution with n - 1 degrees of freedom. If the mean of the
    second arm is not distinguishable from 0, there is no bounded interval. Source: Fieller, Some problems in interval
    estimation (Journal of the Royal Statistical Society B 1954).

    Args:
        label: the effect in words.
        first: (n,), values of the first arm.
        second: (m,), those of the second, in the same order of seeds if they are paired.
        is_paired: True if the seeds are shared.
    """

    label: str
    first: Array
    second: Array
    is_paired: bool

    @classmethod
    def of(cls, first: Seeds, second: Seeds, label: str) -> RatioOfMeans:
        """Return the ratio of two arms without missing values, paired if they have the same seeds."""
        x, y = (np.array([side[seed] for seed in sorted(side)], dtype=np.float64) for side in (first, second))
        return cls(label, x, y, first.keys() == second.keys())

    @property
    def value(self) -> float:
        """The ratio of the means; NaN if the second is 0."""
        below = float(self.second.mean())
        return float(self.first.mean()) / below if below else math.nan

    @property
    def n(self) -> int:
        """The number of pairs, or of the seeds of the smaller arm."""
        return min(len(self.first), len(self.second))

    @property
    def is_infinite(self) -> bool:
        """Always False."""
        return False

    @property
    def note(self) -> str:
        """Why the ratio is not that of geometric means."""
        return "a value is not positive: ratio of the means, Fieller's interval"

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return Fieller's interval; None if it is unbounded, or without a width and from too few seeds (`Mean.interval`)."""
        if self.n < 2:
            return None
        a, b = float(self.first.mean()), float(self.second.mean())
        v_a, v_b = (float(side.var(ddof=1)) / len(side) for side in (self.first, self.second))
        c = float(np.cov(self.first, self.second)[0, 1]) / self.n if self.is_paired else 0.0
        square = float(stdtrit(self.n - 1, (1 + level) / 2)) ** 2
        leading, middle, constant = b * b - square * v_b, a * b - square * c, a * a - square * v_a
        if leading <= 0:
            return None
        root = math.sqrt(max(0.0, middle * middle - leading * constant))
        if root <= 1e-12 * abs(middle) and self.n < fewest_equal(level):
            return None
        return (middle - root) / leading, (middle + root) / leading

    def needed(self, bound: Bound, level: float) -> int | None:
        """Return the number of seeds that would distinguish the mean of first - r second from 0, r the nearest end."""
        if not self.first.any():  # the ratio is 0 in all seeds
            return max(fewest_equal(level), self.n + 1)
        r = bound.nearest_end(self.value)
        if not math.isfinite(r) or self.n < 2:
            return None
        if self.is_paired:
            sd, groups = float((self.first - r * self.second).std(ddof=1)), 1
        else:
            sd, groups = math.hypot(self.first.std(ddof=1), r * self.second.std(ddof=1)), 2
        found = needed_pairs(sd, float(self.first.mean() - r * self.second.mean()), level=level, groups=groups)
        return None if found is None else max(found, self.n + 1)
