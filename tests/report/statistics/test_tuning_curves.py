"""Tuning curves, compared with the documented examples of opda and with simulations.

README and USAGE are the examples of opda's documentation. The recorded bands are those of opda 0.8.0 for README with
`confidence=0.80, a=0, b=1`, as in the figure of its README, whose method is "ld_highest_density".
"""

from __future__ import annotations

import math

import numpy as np
import pytest

from descentlab.report.statistics.tuning_curves import best_so_far, tuning_curve

README = [
    *(0.8420, 0.9292, 0.8172, 0.8264, 0.8851, 0.8765, 0.8824, 0.9221, 0.9456, 0.7533, 0.8141, 0.9061, 0.8986, 0.8287, 0.8645),
    *(0.8495, 0.8134, 0.8456, 0.9034, 0.7861, 0.8336, 0.9036, 0.7796, 0.9449, 0.8216, 0.7520, 0.9089, 0.7890, 0.9198, 0.9428),
    *(0.8140, 0.7734),
]
USAGE = [0.72, 0.83, 0.92, 0.68, 0.75]


def test_the_median_curve_equals_the_documented_one():
    assert tuning_curve(README, "max").best[:5] == [0.8456, 0.9034, 0.9089, 0.9198, 0.9221]
    assert [tuning_curve(USAGE, "min").best[k - 1] for k in (1, 2, 4)] == [0.75, 0.72, 0.68]


def test_the_expected_curve_equals_the_documented_one():
    found = tuning_curve(USAGE, "max", "expected", low=0, high=1)
    assert [found.best[k - 1] for k in (1, 2, 4)] == pytest.approx([0.78, 0.8272, 0.871936])


@pytest.mark.slow  # the intervals of highest density take seconds
def test_the_band_equals_that_of_opdas_readme():
    found = tuning_curve(README, "max", low=0, high=1, level=0.8, band="highest_density")
    assert found.low[:5] == [0.8172, 0.8456, 0.8824, 0.8851, 0.9034]
    assert found.high[:5] == [0.9034, 0.9292, 0.9449, 0.9456, 0.9456]


def test_the_band_of_equal_tails_equals_opdas():
    found = tuning_curve(README, "max", low=0, high=1, level=0.8)
    assert found.low[:5] == [0.8141, 0.8456, 0.8824, 0.8986, 0.9034]
    assert found.high[:5] == [0.9036, 0.9292, 0.9449, 0.9456, 1.0]
    assert (found.trials, found.failed, found.level) == (32, 0, 0.8)


@pytest.mark.parametrize("statistic", ["median", "expected"])
def test_minimizing_mirrors_maximizing(statistic):
    up = tuning_curve(USAGE, "max", statistic, low=0, high=1)
    down = tuning_curve([-value for value in USAGE], "min", statistic, low=-1, high=0)
    # the discrete quantile of the median is ambiguous where 2^(-1/k) is a multiple of 1/n, which it is not here
    assert down.best == pytest.approx([-value for value in up.best])
    assert down.low == pytest.approx([-value for value in up.high], abs=0.02)
    assert down.high == pytest.approx([-value for value in up.low], abs=0.02)


def coverage(draw, quantile, trials, simulations, level=0.8):
    """Return the fraction of simulated sets of trials whose band contains the median curve at every number of trials."""
    true = [quantile(2 ** (-1 / k)) for k in range(1, trials + 1)]
    covered = 0
    for _ in range(simulations):
        found = tuning_curve(draw(trials), "max", low=0, high=1, level=level)
        covered += all(low <= value <= high for low, value, high in zip(found.low, true, found.high, strict=True))
    return covered / simulations


def test_the_band_has_its_coverage_for_continuous_values():
    generator = np.random.default_rng(0)
    found = coverage(lambda n: generator.random(n).tolist(), lambda q: q, 12, 1000)
    assert found >= 0.8 - 3 * math.sqrt(0.16 / 1000)


@pytest.mark.parametrize("trials", [12, 70])
def test_the_band_covers_with_ties_and_failures(trials):
    generator = np.random.default_rng(0)

    def draw(n):
        # a third of the trials fail, the others have one of four values
        values = generator.integers(-2, 4, size=n)
        return [None if value < 0 else 0.5 + value / 10 for value in values.tolist()]

    found = coverage(draw, lambda q: max(0.0, 0.5 + (math.ceil(6 * q - 1e-9) - 3) / 10) if q > 1 / 3 else 0.0, trials, 300)
    assert found >= 0.8 - 3 * math.sqrt(0.16 / 300)


def test_failed_trials_count_as_the_worst():
    found = tuning_curve([0.3, None, 0.2, None], "min", low=0)
    assert found.failed == 2
    assert found.best == [0.3, 0.3, 0.2, 0.2]
    assert tuning_curve([0.3, None], "min", "expected", low=0).best == [math.inf, math.inf]
    assert tuning_curve([0.3, None], "max", "expected", low=0, high=1).best == pytest.approx([0.15, 0.225])


def test_limits_without_a_bound_are_infinite():
    found = tuning_curve([3.0, 2.0, 1.0], "min", low=0)
    assert found.high[0] == math.inf
    assert found.low == [0, 0, 0]


def test_many_trials_use_the_kolmogorov_smirnov_band():
    values = np.random.default_rng(0).random(1000)
    found = tuning_curve(values.tolist(), "max", "expected", low=0, high=1)
    assert found.best[9] == pytest.approx(10 / 11, abs=0.02)
    assert found.low[9] < 10 / 11 < found.high[9]


def test_results_do_not_depend_on_earlier_calls():
    first = tuning_curve(README[:20], "max", low=0, high=1)
    tuning_curve(README[:9], "max", low=0, high=1)
    assert tuning_curve(README[:20], "max", low=0, high=1) == first


def test_without_a_value_there_is_no_curve():
    assert tuning_curve([], "max") is None
    assert tuning_curve([None], "max") is None


@pytest.mark.parametrize("value", [math.nan, 1.5])
def test_values_outside_of_the_bounds_are_errors(value):
    with pytest.raises(ValueError, match="a value is not between 0 and 1"):
        tuning_curve([0.5, value], "max", low=0, high=1)


def test_the_best_so_far_ignores_failed_trials():
    assert best_so_far([None, 3, None, 2, 5], "min") == [None, 3, 3, 2, 2]
    assert best_so_far([None, 3, None, 2, 5], "max") == [None, 3, 3, 3, 5]
