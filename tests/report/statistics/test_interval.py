"""Confidence intervals of means, compared with scipy, and their coverage in simulations."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy import special, stats

from descentlab.report.statistics.interval import EQUAL, bca, mean_interval, within
from descentlab.report.statistics.ranges import FRACTION, POSITIVE, UNBOUNDED, Bounds

VALUES = [0.91, 0.95, 0.96, 0.90]


@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_unbounded_interval_equals_scipys_t_interval(level):
    found = mean_interval(VALUES, level=level)
    assert found is not None
    low, high = stats.t.interval(level, 3, np.mean(VALUES), stats.sem(VALUES))
    assert (found.low, found.high, found.method, found.level) == (pytest.approx(low), pytest.approx(high), "t", level)


def test_bounded_intervals_equal_the_delta_method():
    mean, error = float(np.mean(VALUES)), float(stats.sem(VALUES)) * stats.t.ppf(0.975, 3)
    logit = mean_interval(VALUES, FRACTION)
    log = mean_interval(VALUES, POSITIVE)
    mirrored = mean_interval([1 - value for value in VALUES], Bounds(None, 1.0))
    assert logit is not None
    assert log is not None
    assert mirrored is not None
    ends = special.expit(special.logit(mean) + np.array([-1, 1]) * error / (mean * (1 - mean)))
    assert (logit.low, logit.high) == pytest.approx(ends)
    assert (log.low, log.high) == pytest.approx((mean * math.exp(-error / mean), mean * math.exp(error / mean)))
    assert (mirrored.low, mirrored.high) == pytest.approx((1 - log.high, 1 - log.low))
    assert [logit.method, log.method] == ["t on the logit scale", "t on the log scale"]


def test_a_wider_range_is_the_unit_range_rescaled():
    unit, scaled = mean_interval(VALUES, FRACTION), mean_interval([20 * value - 10 for value in VALUES], Bounds(-10.0, 10.0))
    assert unit is not None
    assert scaled is not None
    assert (scaled.low, scaled.high) == pytest.approx((20 * unit.low - 10, 20 * unit.high - 10))


@pytest.mark.parametrize("values", [[1.0, 0.999], [1.0, 1.0, 0.99], [0.0, 1.0], [0.0, 0.0, 1e-300], [0.5, 5e-324]])
@pytest.mark.parametrize("bounds", [FRACTION, POSITIVE, Bounds(None, 1.0)])
def test_intervals_contain_the_mean_and_stay_within_the_range(values, bounds):
    found = mean_interval(values, bounds)
    assert found is not None
    assert -math.inf < found.low <= np.mean(values) <= found.high < math.inf
    assert bounds.low is None or found.low >= bounds.low
    assert bounds.high is None or found.high <= bounds.high


@pytest.mark.parametrize("n", [2, 5, 25])
@pytest.mark.parametrize("value", [0.0, 0.3, 1.0])
def test_equal_values_give_no_width_and_the_method_reports_it(n, value):
    found = mean_interval([value] * n, FRACTION)
    assert found is not None
    assert (found.low, found.high, found.method) == (value, value, EQUAL)


@pytest.mark.parametrize("values", [[], [0.5], [0.5, None], [0.5, math.nan], [0.5, 0.6, math.inf]])
def test_too_few_or_undefined_values_have_no_interval(values):
    assert mean_interval(values, FRACTION) is None


def test_a_value_outside_the_range_makes_the_interval_unbounded():
    values = [-0.25, 0.1, 0.2]
    assert mean_interval(values, POSITIVE) == mean_interval(values, UNBOUNDED)


def test_within_takes_arrays():
    low, high = within(np.array([0.5, 1.0, 0.0]), np.array([0.1, 0.0, 0.0]), FRACTION)
    assert low[1:].tolist() == high[1:].tolist() == [1.0, 0.0]
    assert 0 < low[0] < 0.5 < high[0] < 1


def test_bootstrap_intervals_equal_scipys_bca_at_the_widened_level():
    values = np.random.default_rng(1).lognormal(size=24)
    level = 1 - 2 * special.ndtr(-stats.t.ppf(0.975, 23) * math.sqrt(24 / 23))
    reference = stats.bootstrap(
        (values,), np.mean, confidence_level=level, n_resamples=50_000, method="BCa", rng=np.random.default_rng(2)
    ).confidence_interval
    found = mean_interval(values.tolist(), POSITIVE)
    assert found is not None
    assert (found.low, found.high, found.method) == (*bca(values), "BCa bootstrap")
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=0.04 * (found.high - found.low))


def test_bootstrap_intervals_of_nearly_equal_values_stay_within_the_values():
    found = mean_interval([1.0] * 24 + [0.99], FRACTION)
    assert found is not None
    assert 0.99 <= found.low < found.high <= 1.0


def beta(mean: float, sd: float) -> Callable[[np.random.Generator, tuple[int, int]], np.ndarray]:
    """Return a sampler of accuracies."""
    size = mean * (1 - mean) / sd**2 - 1
    return lambda rng, shape: rng.beta(mean * size, (1 - mean) * size, shape)


SAMPLERS = {
    "normal": (lambda rng, shape: rng.normal(size=shape), 0.0, UNBOUNDED, 0.94),
    "accuracies, mean .98, sd .01": (beta(0.98, 0.01), 0.98, FRACTION, 0.935),
    "accuracies, mean .95, sd .04": (beta(0.95, 0.04), 0.95, FRACTION, 0.93),
    "uniform": (lambda rng, shape: rng.uniform(size=shape), 0.5, FRACTION, 0.93),
    "log-normal losses": (lambda rng, shape: rng.lognormal(0, 0.5, shape), math.exp(0.125), POSITIVE, 0.93),
    "exponential losses": (lambda rng, shape: rng.exponential(size=shape), 1.0, POSITIVE, 0.927),
    "heavy-tailed losses": (lambda rng, shape: rng.lognormal(0, 1, shape), math.exp(0.5), POSITIVE, 0.875),
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10, 30])
@pytest.mark.parametrize("name", SAMPLERS)
def test_intervals_cover_the_mean_as_often_as_documented(name, n):
    draw, mean, bounds, least = SAMPLERS[name]
    samples = draw(np.random.default_rng([n, len(name)]), (4_000, n)).tolist()
    intervals = [mean_interval(sample, bounds) for sample in samples]
    coverage = np.mean([each is not None and each.low <= mean <= each.high for each in intervals])
    assert least <= coverage <= 0.97
