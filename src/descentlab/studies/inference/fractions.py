"""Fractions of seeds, with the exact interval of a binomial distribution."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from descentlab.report.statistics.equivalence import MOST
from descentlab.report.statistics.interval import Array
from descentlab.studies.inference.bounds import Bound


@dataclass(frozen=True)
class Fraction:
    """The fraction of n seeds that fulfil a condition.

    Args:
        label: the effect in words.
        count: the number of seeds that fulfil it; NaN if it is undefined.
        n: the number of seeds.
        note: what is unusual about the values.
    """

    label: str
    count: float
    n: int
    note: str = ""

    @property
    def value(self) -> float:
        """The observed fraction."""
        return self.count / self.n if self.n else math.nan

    @property
    def is_infinite(self) -> bool:
        """Always False."""
        return False

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return the interval of Clopper and Pearson (Biometrika 1934); None for one seed."""
        if self.n < 2 or math.isnan(self.count):
            return None
        low, high = clopper_pearson(np.array([self.count], np.float64), np.array([self.n], np.float64), level)
        return float(low[0]), float(high[0])

    def needed(self, bound: Bound, level: float) -> int | None:
        """Return the least number of seeds whose interval decides if the fraction stays the observed one; None over 10,000."""
        if math.isnan(self.value):
            return None
        sizes = np.arange(self.n + 1, MOST + 1, dtype=np.float64)
        ends = clopper_pearson((self.value * sizes).round(), sizes, level)
        for n, low, high in zip(sizes.tolist(), *(end.tolist() for end in ends), strict=True):
            if bound.holds(low, high) or bound.fails(low, high):
                return int(n)
        return None


def clopper_pearson(count: Array, n: Array, level: float) -> tuple[Array, Array]:
    """Return the ends of the intervals of `count` successes in `n` trials, both of one shape.

    With a = 1 - level they are the a / 2 quantile of the beta distribution with k and n - k + 1, and the 1 - a / 2 quantile of
    that with k + 1 and n - k.
    """
    tail = (1 - level) / 2
    low = betaincinv(np.maximum(count, 1), n - count + 1, tail)
    high = betaincinv(count + 1, np.maximum(n - count, 1), 1 - tail)
    return np.where(count == 0, 0.0, low), np.where(count == n, 1.0, high)
