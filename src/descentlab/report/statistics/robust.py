"""Medians and interquartile means over seeds, with intervals: a single bad seed hardly moves them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit
from scipy.stats import binom

from descentlab.report.statistics.interval import EQUAL, Array, Interval, finite_values, sample_sd, scale_name, within
from descentlab.report.statistics.ranges import UNBOUNDED, Bounds

MIDDLE_EQUAL = "the middle values are equal"  # and others are not: the interval has no width
TRIMMED = 0.25  # fraction of the values that an interquartile mean leaves out at each end


@dataclass(frozen=True)
class RobustEstimate:
    """A location over seeds.

    Args:
        value: the median or interquartile mean.
        interval: its confidence interval; None if there are too few values for one.
        n: the number of values.
    """

    value: float
    interval: Interval | None
    n: int


def median(values: Sequence[float | None], level: float = 0.95) -> RobustEstimate | None:
    """Return the median of `values` with the distribution-free interval between two order statistics.

    The interval [x_(k+1), x_(n-k)] has the largest k for which it covers the median with a probability, 1 - 2 P(B <= k) with
    B binomial of n and 1/2, of at least `level`. Source: Conover, Practical nonparametric statistics (3rd ed. 1999), section
    3.2. It always covers at least as often as its level.

    Args:
        values: one per seed.
        level: the confidence level.

    Returns:
        None if there is no value, or if one is None or not finite. For fewer than 6 values (at .95) no such interval exists:
        then the interval is the range of the values, and its own level, 1 - 2^(1 - n), is below the requested one.
    """
    known = finite_values(values)
    if known is None or not len(known):
        return None
    n, ordered = len(known), np.sort(known)
    if n == 1:
        return RobustEstimate(float(known[0]), None, n)
    left = int(binom.ppf((1 - level) / 2, n, 0.5))
    k = left if binom.cdf(left, n, 0.5) <= (1 - level) / 2 else left - 1
    covered, method = (level, "order statistics") if k >= 0 else (1 - 2.0 ** (1 - n), "range of the values")
    low, high = float(ordered[max(k, 0)]), float(ordered[n - 1 - max(k, 0)])
    method = _method_of_equal(ordered) if low == high else method
    return RobustEstimate(float(np.median(known)), Interval(low, high, method, covered), n)


def interquartile_mean(
    values: Sequence[float | None], bounds: Bounds = UNBOUNDED, level: float = 0.95
) -> RobustEstimate | None:
    """Return the mean of the middle half of `values` with the t-interval of a trimmed mean.

    With g = floor(n / 4) values left out at each end, h = n - 2 g and s_w the standard deviation of the values winsorized by g
    at each end, the standard error is s_w sqrt(n - 1) / sqrt(h (h - 1)), with h - 1 degrees of freedom. Source: Tukey and
    McLaughlin (Sankhya 1963), Yuen (Biometrika 1974). The interval is computed on the scale of `bounds`, see
    `descentlab.report.statistics.interval.within`. As in rliable (Agarwal et al., arXiv:2108.13264), the estimate is
    scipy.stats.trim_mean(values, .25). For fewer than 4 values it equals the mean.

    95 % intervals cover the interquartile mean of the distribution in .951, .938, .940, .946 of 20,000 simulations at n = 3, 5,
    10, 30 for normal values, .950, .938, .942, .946 for accuracies of mean .98 and sd .01, and .947, .938, .942, .943 for
    log-normal losses with a sd of .5 of the logarithm.

    Args:
        values: one per seed.
        bounds: the range of the metric. A bound that a value violates is ignored.
        level: the confidence level.

    Returns:
        None if there is no value, or if one is None or not finite. An estimate without interval if h is 1.
    """
    known = finite_values(values)
    if known is None or not len(known):
        return None
    n, ordered = len(known), np.sort(known)
    g = int(TRIMMED * n)
    middle = ordered[g : n - g]
    return RobustEstimate(float(middle.mean()), _trimmed_interval(ordered, middle, bounds, level), n)


def _method_of_equal(ordered: Array) -> str:
    """Return the method of an interval without width: EQUAL only if all values are equal."""
    return EQUAL if ordered[0] == ordered[-1] else MIDDLE_EQUAL


def _trimmed_interval(ordered: Array, middle: Array, bounds: Bounds, level: float) -> Interval | None:
    """Return the interval of the mean of `middle`, which is `ordered` without equally many values at each end."""
    h = len(middle)
    if h < 2:
        return None
    value = float(middle.mean())
    if middle[0] == middle[-1]:
        return Interval(float(middle[0]), float(middle[0]), _method_of_equal(ordered), level)
    winsorized = ordered.clip(middle[0], middle[-1])
    error = sample_sd(winsorized) * math.sqrt((len(ordered) - 1) / (h * (h - 1)))
    bounds = bounds.without_violated(ordered.tolist())
    low, high = within(value, float(stdtrit(h - 1, (1 + level) / 2)) * error, bounds)
    return Interval(float(low), float(high), f"trimmed {scale_name(bounds)}", level)
