"""Learning-rate sensitivity (Wortsman et al. 2023) and the width of the basin."""

from __future__ import annotations

import math

import numpy as np
import pytest

from descentlab.report.statistics.sensitivity import basin, sensitivity

LOSSES = {1e-4: 2.0, 1e-3: 1.0, 1e-2: 0.5, 1e-1: None}  # initial loss 3


def test_sensitivity_is_the_mean_excess_over_the_logarithm_of_the_rate():
    # excess at the four rates: 1.5, .5, 0 and, capped at the initial loss, 2.5
    assert sensitivity(LOSSES, "min", 3.0) == pytest.approx((1.0 + 0.25 + 1.25) / 3)


def test_sensitivity_of_equally_spaced_rates_is_the_mean_of_wortsman_et_al_up_to_the_ends():
    rates = np.geomspace(1e-4, 1e-1, 200)
    losses = 1 + (np.log10(rates) + 2) ** 2
    expected = np.mean(np.minimum(losses, 2.5) - losses.min())
    found = sensitivity(dict(zip(rates.tolist(), losses.tolist(), strict=True)), "min", 2.5)
    assert found == pytest.approx(expected, rel=0.02)


def test_sensitivity_over_a_part_of_the_rates_interpolates():
    assert sensitivity(LOSSES, "min", 3.0, low=1e-3, high=1e-2) == pytest.approx(0.25)
    halfway = 10**-2.5
    assert sensitivity(LOSSES, "min", 3.0, low=halfway, high=1e-2) == pytest.approx(0.125)


def test_losses_above_the_initial_one_count_as_it():
    assert sensitivity(LOSSES | {1e-1: 50.0}, "min", 3.0) == sensitivity(LOSSES, "min", 3.0)
    assert sensitivity(LOSSES | {1e-1: math.nan}, "min", 3.0) == sensitivity(LOSSES, "min", 3.0)


def test_maximized_values_are_mirrored():
    accuracies = {rate: None if loss is None else -loss for rate, loss in LOSSES.items()}
    assert sensitivity(accuracies, "max", -3.0) == sensitivity(LOSSES, "min", 3.0)
    assert basin(accuracies, "max") == basin(LOSSES, "min")


def test_sensitivity_needs_two_rates_and_a_value():
    assert sensitivity({0.1: 1.0}, "min", 3.0) is None
    assert sensitivity({0.1: None, 0.2: None}, "min", 3.0) is None


def test_the_basin_ends_where_the_interpolated_loss_exceeds_the_tolerance():
    # with a tolerance of 50 % the limit is .75: half-way to 1e-3, and a tenth of the way to 1e-1
    found = basin(LOSSES | {1e-1: 3.0}, "min", tolerance=0.5)
    assert (math.log10(found.low), math.log10(found.high)) == pytest.approx((-2.5, -1.9))
    assert found.decades == pytest.approx(0.6)
    assert (found.open_low, found.open_high) == (False, False)


def test_a_basin_ends_at_the_last_rate_before_divergence():
    found = basin(LOSSES, "min")
    assert (found.high, found.open_high) == (pytest.approx(1e-2), False)


def test_a_basin_that_extends_to_the_last_rate_is_open():
    found = basin({1e-3: 0.51, 1e-2: 0.5, 1e-1: 2.0}, "min")
    assert found.low == pytest.approx(1e-3)
    assert (found.open_low, found.open_high) == (True, False)
    assert basin({1e-3: 0.5, 1e-2: 2.0}, "min").open_low


def test_a_second_minimum_is_not_part_of_the_basin():
    assert basin({1e-3: 0.5, 1e-2: 2.0, 1e-1: 0.5}, "min").high < 1e-2


def test_the_basin_of_accuracies_is_a_fraction_of_the_best():
    found = basin({1e-3: 0.9, 1e-2: 1.0, 1e-1: 0.96}, "max")
    assert math.log10(found.low) == pytest.approx(-2.5)
    assert found.open_high


def test_a_basin_needs_two_rates_and_a_value():
    assert basin({1e-3: None, 1e-2: None}, "min") is None
    assert basin({1e-3: 1.0}, "min") is None


def test_invalid_rates_are_errors():
    with pytest.raises(ValueError, match="the rate 0 is not positive"):
        sensitivity({0.0: 1.0, 1.0: 2.0}, "min", 3.0)
    with pytest.raises(ValueError, match="is empty or extends beyond the rates"):
        sensitivity(LOSSES, "min", 3.0, low=1e-5)
