"""Medians and interquartile means, compared with scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.interval import EQUAL
from descentlab.report.statistics.ranges import FRACTION, POSITIVE, UNBOUNDED
from descentlab.report.statistics.robust import MIDDLE_EQUAL, interquartile_mean, median


def sample(n: int, seed: int = 0) -> list[float]:
    return np.random.default_rng(seed).normal(size=n).tolist()


@pytest.mark.parametrize("n", [6, 7, 8, 9, 10, 17, 30, 31])
def test_median_intervals_equal_scipys_quantile_test(n):
    values = sample(n)
    reference = stats.quantile_test(values, q=0, p=0.5).confidence_interval(0.95)
    found = median(values)
    assert found is not None
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == (reference.low, reference.high)
    assert (found.value, found.n, found.interval.level) == (np.median(values), n, 0.95)


@pytest.mark.parametrize(("n", "level"), [(2, 0.5), (3, 0.75), (5, 0.9375)])
def test_few_values_give_their_range_and_the_level_that_it_has(n, level):
    values = sample(n)
    found = median(values)
    assert found is not None
    assert found.interval is not None
    assert (found.interval.low, found.interval.high, found.interval.level) == (min(values), max(values), level)
    assert found.interval.method == "range of the values"


@pytest.mark.parametrize("n", [4, 5, 8, 11, 30])
def test_the_interquartile_mean_and_its_error_equal_yuens(n):
    values, others = sample(n), sample(n, 1)
    found, other = interquartile_mean(values), interquartile_mean(others)
    assert found is not None
    assert other is not None
    assert found.interval is not None
    assert other.interval is not None
    assert found.value == pytest.approx(stats.trim_mean(values, 0.25))
    factor = stats.t.ppf(0.975, n - 2 * (n // 4) - 1)
    errors = [(each.interval.high - each.interval.low) / 2 / factor for each in (found, other)]
    reference = stats.ttest_ind(values, others, equal_var=False, trim=0.25)
    assert (found.value - other.value) / math.hypot(*errors) == pytest.approx(reference.statistic)


def test_an_outlier_hardly_moves_either():
    values = [0.97, 0.98, 0.981, 0.982, 0.983, 0.99, 0.985, 0.984, 0.1]
    for found in (median(values), interquartile_mean(values, FRACTION)):
        assert found is not None
        assert found.interval is not None
        assert 0.97 <= found.interval.low < found.value < found.interval.high <= 1


@pytest.mark.parametrize("estimate", [median, interquartile_mean])
def test_equal_single_and_undefined_values(estimate):
    equal, single = estimate([1.0] * 8), estimate([0.5])
    assert (equal.value, equal.interval.low, equal.interval.high, equal.interval.method) == (1.0, 1.0, 1.0, EQUAL)
    assert (single.value, single.interval, single.n) == (0.5, None, 1)
    assert [estimate(values) for values in ([], [0.5, None], [0.5, math.nan])] == [None, None, None]


@pytest.mark.parametrize("estimate", [median, interquartile_mean])
def test_values_of_which_only_the_middle_ones_are_equal_are_not_called_equal(estimate):
    found = estimate([0.1, 0.2, *[0.5] * 8, 0.8, 0.9])
    assert (found.interval.low, found.interval.high, found.interval.method) == (0.5, 0.5, MIDDLE_EQUAL)


DISTRIBUTIONS = {
    "normal": (stats.norm(), UNBOUNDED),
    "accuracies": (stats.beta(191.1, 3.9), FRACTION),
    "losses": (stats.lognorm(0.5), POSITIVE),
}


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10, 30])
@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_intervals_cover_the_interquartile_mean_as_often_as_documented(name, n):
    distribution, bounds = DISTRIBUTIONS[name]
    true = distribution.ppf(np.linspace(0.25, 0.75, 100_001)).mean()
    samples = distribution.rvs(size=(20_000, n), random_state=np.random.default_rng(n)).tolist()
    found = [interquartile_mean(sample, bounds) for sample in samples]
    intervals = [each.interval for each in found if each is not None and each.interval is not None]
    assert 0.93 <= np.mean([each.low <= true <= each.high for each in intervals]) <= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 6, 10, 30])
def test_intervals_cover_the_median_at_least_as_often_as_their_level(n):
    samples = stats.lognorm(0.5).rvs(size=(5_000, n), random_state=np.random.default_rng(n)).tolist()
    intervals = [found.interval for sample in samples if (found := median(sample)) is not None and found.interval is not None]
    level = intervals[0].level
    share = np.mean([each.low <= 1 <= each.high for each in intervals])
    assert share >= level - 2 * math.sqrt(level * (1 - level) / 5_000)
