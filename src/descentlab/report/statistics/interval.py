"""Confidence intervals of a mean over seeds.

Three methods are used. With n values, mean m, standard deviation s and t the quantile of Student's t distribution with n - 1
degrees of freedom:

- a metric without bounds: m +- t s / sqrt(n);
- a metric with bounds: the same interval for a transformed mean g(m), of standard error g'(m) s / sqrt(n) (delta method),
  transformed back. g is the logit of the position between two bounds, or the logarithm of the distance to a single one, so
  that the interval never leaves the range. It estimates the mean of the metric, unlike the interval of the mean of g(values);
- from 20 values on: the bias-corrected and accelerated bootstrap.

Coverage of 95 % intervals in 20,000 simulations each (standard error .0015), at n = 3, 5, 10, 30 (the last by bootstrap):

    normal values                                   .950  .952  .949  .948
    uniform values in [0, 1]                        .954  .957  .961  .961
    accuracies (beta), mean .98, sd .01             .949  .947  .945  .947
    accuracies (beta), mean .95, sd .04             .948  .944  .940  .947    plain t: .912  .907  .921  .937
    losses, log-normal, sd .5 of the logarithm      .940  .935  .937  .940    plain t: .923  .915  .923  .937
    losses, exponential                             .944  .936  .933  .940    plain t: .885  .880  .903  .930

Known shortfalls. Heavy tails: the mean of log-normal losses with a sd of 1 of the logarithm is covered with .91, .89, .88, .91,
since few values seldom contain the tail. Coarse metrics: if all values are equal by chance, the interval has no width and
misses the mean (an accuracy of .98 over 100 examples: 2 % of the samples at n = 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr, ndtri, stdtrit

from descentlab.report.statistics.ranges import UNBOUNDED, Bounds

EQUAL = "all values are equal"
BOOTSTRAP_FROM, BOOTSTRAP_TO = 20, 500  # numbers of values; for more, the other methods agree with the bootstrap
RESAMPLES = 5_000
LARGEST_EXPONENT = 700.0  # exp of it is a finite float

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A confidence interval.

    Args:
        low: its lower end.
        high: its upper end.
        method: the method in words, such as "t", "t on the logit scale", "t on the log scale", "BCa bootstrap", or EQUAL.
        level: its confidence level, such as .95.
    """

    low: float
    high: float
    method: str
    level: float


def mean_interval(values: Sequence[float | None], bounds: Bounds = UNBOUNDED, level: float = 0.95) -> Interval | None:
    """Return the confidence interval of the mean of `values`.

    Args:
        values: one per seed.
        bounds: the range of the metric. A bound that a value violates is ignored.
        level: the confidence level.

    Returns:
        None for fewer than two values, or if one is None or not finite: a mean over the others would be biased. If all values
        are equal, an interval without width and with the method EQUAL: it does not show that the mean is certain.
    """
    return _mean_interval(tuple(values), bounds, level)


@lru_cache(maxsize=2**14)  # a report shows the same means in several tables
def _mean_interval(values: tuple[float | None, ...], bounds: Bounds, level: float) -> Interval | None:
    known = finite_values(values)
    if known is None or len(known) < 2:
        return None
    if known.min() == known.max():
        return Interval(float(known[0]), float(known[0]), EQUAL, level)
    if BOOTSTRAP_FROM <= len(known) <= BOOTSTRAP_TO:
        return Interval(*bca(known, level), "BCa bootstrap", level)
    bounds = bounds.without_violated(known.tolist())
    low, high = within(float(known.mean()), t_factor(len(known), level) * sample_sd(known), bounds)
    return Interval(float(low), float(high), scale_name(bounds), level)


def finite_values(values: Sequence[float | None]) -> Array | None:
    """Return `values` as an array, or None if one of them is None or not finite."""
    if any(value is None or not math.isfinite(value) for value in values):
        return None
    return np.asarray(values, dtype=np.float64)


def sample_sd(values: Array) -> float:
    """Return the sample standard deviation of at least two values: exactly 0 if they are equal, and only then."""
    spread = float(np.ptp(values))
    return spread * float((values / spread).std(ddof=1)) if spread else 0.0  # squares of small numbers would underflow


def t_factor(n: int, level: float = 0.95) -> float:
    """Return the half-width of the t-interval of a mean of `n` values, in sample standard deviations.

    That is the (1 + level) / 2 quantile of Student's t distribution with n - 1 degrees of freedom, divided by sqrt(n).
    """
    return float(stdtrit(n - 1, (1 + level) / 2)) / math.sqrt(n)


def scale_name(bounds: Bounds) -> str:
    """Return the method of `within` in words."""
    if bounds.low is None and bounds.high is None:
        return "t"
    return "t on the log scale" if bounds.low is None or bounds.high is None else "t on the logit scale"


def within(mean: Any, half_width: Any, bounds: Bounds) -> tuple[Any, Any]:
    """Return the ends of the interval mean +- half_width, computed on the scale on which the range is unbounded.

    With the delta method a half-width h of the mean is h / (m - low) on the scale log(m - low), h / (high - m) on the scale
    log(high - m), and h (high - low) / ((m - low)(high - m)) on the logit scale. Source: Wasserman, All of Statistics (2004),
    theorem 5.13. A mean on a bound, which only equal values have, gives an interval without width.

    Args:
        mean: a float or an array (points,), within the bounds.
        half_width: >= 0, in the unit of the mean; of the same shape. NaN gives ends that are NaN.
        bounds: the range of the metric.

    Returns:
        the lower and the upper ends, of the shape of `mean`.
    """
    mean, half_width = np.asarray(mean, dtype=np.float64), np.asarray(half_width, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        if bounds.low is not None and bounds.high is not None:
            low, high = _on_logits(mean, half_width, bounds.low, bounds.high)
        elif bounds.low is not None:
            low, high = _on_logs(mean, half_width, bounds.low)
        elif bounds.high is not None:
            high, low = (-end for end in _on_logs(-mean, half_width, -bounds.high))
        else:
            low, high = mean - half_width, mean + half_width
    unknown = np.isnan(half_width)  # an end that is NaN otherwise is that of a mean on a bound
    return np.where(unknown, np.nan, np.fmin(low, mean)), np.where(unknown, np.nan, np.fmax(high, mean))


def _on_logs(mean: Array, half_width: Array, bound: float) -> tuple[Array, Array]:
    """Return the ends of an interval that is symmetric in log(mean - bound)."""
    factor = np.exp(np.minimum(half_width / (mean - bound), LARGEST_EXPONENT))
    return bound + (mean - bound) / factor, bound + (mean - bound) * factor


def _on_logits(mean: Array, half_width: Array, least: float, greatest: float) -> tuple[Array, Array]:
    """Return the ends of an interval that is symmetric in the logit of the position between two bounds."""
    below, above, width = mean - least, greatest - mean, greatest - least
    position, shift = np.log(below / above), half_width * width / (below * above)
    return least + width * expit(position - shift), least + width * expit(position + shift)


def bca(values: Array, level: float = 0.95) -> tuple[float, float]:
    """Return the bias-corrected and accelerated bootstrap interval of the mean of `values`.

    Source: Efron, Better bootstrap confidence intervals (JASA 1987), with the acceleration sum d^3 / (6 (sum d^2)^1.5) of
    a mean, d = value - mean. The quantile z of the normal distribution is replaced by t sqrt(n / (n - 1)), as in Hesterberg,
    What teachers should know about the bootstrap (The American Statistician 2015), section 5.3: it makes up for bootstrap
    means varying less than those of new samples. Without it, 95 % intervals cover .92 at n = 20. Resamples are drawn with a
    fixed seed, so that equal values give equal intervals.

    Args:
        values: (n,), not all equal.
        level: the confidence level.
    """
    n, mean = len(values), values.mean()
    deviations = (values - mean) / np.ptp(values)
    means = _resampling(n) @ deviations
    bias = ndtri(np.clip(((means < 0).sum() + (means <= 0).sum()) / (2 * RESAMPLES), 1 / RESAMPLES, 1 - 1 / RESAMPLES))
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    wide = stdtrit(n - 1, (1 + level) / 2) * math.sqrt(n / (n - 1))
    shifted = np.array([bias - wide, bias + wide])
    low, high = mean + np.ptp(values) * _quantiles(means, ndtr(bias + shifted / (1 - acceleration * shifted)))
    return float(np.clip(low, values.min(), values.max())), float(np.clip(high, values.min(), values.max()))


def _quantiles(values: Array, levels: Array) -> Array:
    """Return np.quantile(values, levels), seven times as fast for a few levels of thousands of values."""
    positions = levels * (len(values) - 1)
    below = np.minimum(positions.astype(int), len(values) - 2)
    ordered = np.partition(values, [*below, *(below + 1)])
    return ordered[below] + (positions - below) * (ordered[below + 1] - ordered[below])


@lru_cache(maxsize=4)
def _resampling(n: int) -> Array:
    """Return the weights (RESAMPLES, n) of `n` values in each bootstrap mean."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n
