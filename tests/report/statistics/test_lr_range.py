"""Range tests: curves with known knee, minimum and divergence, and the mean over seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from descentlab.report.statistics.lr_range import diverges, over_seeds, range_test, smooth

RATES = np.logspace(-5, 1, 601)  # 100 steps a decade


def valley(log_rate):
    """Return a loss that is 3 up to a rate of 1e-4, falls linearly in the logarithm to 1 at 1e-1, and rises by 4 a decade."""
    return np.interp(log_rate, [-5, -4, -1, 1], [3.0, 3.0, 1.0, 9.0])


def test_knee_minimum_and_divergence_of_a_valley_are_found():
    found = range_test(RATES, valley(np.log10(RATES)))
    assert math.log10(found.lowest) == pytest.approx(-1, abs=0.15)  # the mean over 0.3 decades moves an asymmetric minimum
    assert found.suggestion("tenth") == pytest.approx(found.lowest / 10)
    assert math.log10(found.knee) == pytest.approx(-4 + 0.1 * 3, abs=0.03)  # a tenth of the fall
    assert -4 < math.log10(found.suggestion("steepest")) < -1
    assert math.log10(found.divergence) == pytest.approx(-1 + (3 + 1.5 - 1) / 4, abs=0.02)  # at 3 + half of 3


def test_the_end_of_a_flat_valley_counts():
    loss = np.interp(np.log10(RATES), [-5, -4, -3, -1, 0], [3.0, 3.0, 1.0, 1.02, 9.0])
    found = range_test(RATES, loss)
    assert math.log10(found.lowest) == pytest.approx(-1, abs=0.1)
    assert math.log10(found.suggestion("steepest")) == pytest.approx(-3.5, abs=0.5)


def test_the_steepest_descent_of_a_sigmoid_is_at_its_centre():
    loss = 2 - 1 / (1 + np.exp(-6 * (np.log10(RATES) + 2)))
    assert math.log10(range_test(RATES, loss).suggestion("steepest")) == pytest.approx(-2, abs=0.05)


def test_noise_of_single_steps_moves_the_suggestion_by_less_than_a_factor_of_two():
    noise = np.random.default_rng(0).normal(0, 0.15, len(RATES))
    found = range_test(RATES, valley(np.log10(RATES)) + noise)
    assert 0.5e-2 < found.suggestion("tenth") < 2e-2


def test_a_loss_that_only_rises_has_no_suggestion():
    found = range_test(RATES, 1 + RATES)
    assert (found.knee, found.suggestion("tenth"), found.suggestion("steepest")) == (None, None, None)
    assert found.divergence == pytest.approx(0.5, rel=0.1)


def test_a_loss_that_is_not_finite_is_a_divergence():
    loss = valley(np.log10(RATES))
    loss[450:] = np.nan
    found = range_test(RATES, loss)
    assert found.divergence == RATES[450]
    assert np.isnan(found.smoothed[450:]).all()
    assert np.isfinite(found.smoothed[:450]).all()


def test_without_a_rise_there_is_no_divergence():
    assert range_test(RATES, np.linspace(3, 1, len(RATES))).divergence is None


def test_the_smoothed_value_is_the_mean_of_the_neighbours_and_keeps_lines():
    values = np.arange(10.0)
    assert smooth(values, 5) == pytest.approx(values)
    peak = np.zeros(9)
    peak[4] = 5.0
    assert smooth(peak, 5) == pytest.approx([0, 0, 1, 1, 1, 1, 1, 0, 0])


def test_tiny_losses_are_not_lost_beside_large_ones():
    values = np.concatenate([np.full(50, 1e3), np.full(50, 1e-15)])
    assert smooth(values, 5)[60] == pytest.approx(1e-15)


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([2.0, 1.0, 0.5], False),
        ([2.0, 2.5, 2.9], False),
        ([2.0, 5.0, 9.0], True),
        ([2.0, math.nan], True),
        ([-1.0, -0.4], True),
    ],
)
def test_training_with_a_constant_rate_diverges_if_the_loss_has_risen_by_half(losses, expected):
    assert diverges(losses) is expected


def test_the_mean_over_seeds_is_geometric_with_a_t_interval_of_logarithms():
    found = over_seeds([1e-3, 1e-2, 1e-1])
    assert found.rate == pytest.approx(1e-2)
    half = 4.302653 * math.log(10) / math.sqrt(3)  # t quantile of 2 degrees of freedom
    assert (found.low, found.high) == (pytest.approx(math.exp(-half) * 1e-2), pytest.approx(math.exp(half) * 1e-2))
    assert over_seeds([1e-3]).low is None
    assert over_seeds([1e-3, None]) is None
    assert over_seeds([]) is None
