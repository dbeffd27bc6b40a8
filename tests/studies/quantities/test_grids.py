"""Quantities of grids of learning rates or batch sizes, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from descentlab.report.statistics.sensitivity import sensitivity
from descentlab.studies.quantities.largest_passing import largest_passing
from descentlab.studies.quantities.log_slope import log_slope
from descentlab.studies.quantities.lr_sensitivity import lr_sensitivity
from descentlab.studies.quantities.parabola_minimum import parabola_minimum


def test_the_largest_rate_that_passes_need_not_be_the_end_of_those_that_all_pass():
    assert largest_passing([1, 2, 4, 8], [0.1, 0.9, 0.2, 0.9], below=0.5) == (4, False)
    assert largest_passing([8, 1, 4, 2], [0.9, 0.1, 0.2, 0.9], below=0.5) == (4, False)


def test_the_largest_rate_of_the_grid_is_marked():
    assert largest_passing([1, 2, 4], [0.1, 0.9, 0.2], below=0.5) == (4, True)
    assert largest_passing([4], [0.2], below=0.5) == (4, True)


def test_a_diverged_run_and_the_bound_itself_do_not_pass():
    assert largest_passing([1, 2, 4, 8], [0.1, math.nan, math.inf, None], below=0.5) == (1, False)
    assert largest_passing([1, 2], [0.5, math.nan], below=0.5) is None


@pytest.mark.parametrize(("rates", "message"), [([1, 0], "not positive"), ([2, 2], "two rates are equal"), ([1], "1 values")])
def test_grids_that_are_not_valid_are_refused(rates, message):
    with pytest.raises(ValueError, match=message):
        largest_passing(rates, [0.1, 0.2], below=1)


@pytest.mark.parametrize("logs", [[-6, -5, -4, -3], [-6, -5.5, -4, -1], [-4, -6, -3, -5]])
def test_the_minimum_of_a_parabola_is_found_exactly_on_any_grid(logs):
    rates = 2.0 ** np.array(logs)
    losses = np.exp(0.3 * (np.array(logs) + 4.7) ** 2 - 2)
    found = parabola_minimum(rates, losses)
    assert found == (pytest.approx(-4.7, abs=1e-12), False, True)


def test_a_minimum_at_the_edge_is_marked_and_not_interpolated():
    assert parabola_minimum([1, 2, 4], [1, 2, 3]) == (0.0, True, False)
    assert parabola_minimum([1, 2, 4], [3, 2, 1]) == (2.0, True, False)


def test_a_diverged_neighbour_leaves_the_best_point_unless_a_worst_value_is_stated():
    assert parabola_minimum([1, 2, 4], [2, 1, math.nan]) == (1.0, False, False)
    capped = parabola_minimum([1, 2, 4], [2, 1, math.inf], worst=8)
    a, b, c = map(math.log, (2, 1, 8))
    assert capped == (pytest.approx(1 + (a - c) / 2 / (a - 2 * b + c)), False, True)
    assert parabola_minimum([1, 2, 4], [math.nan, None, math.inf]) is None


def test_three_equal_values_have_their_minimum_in_the_middle():
    assert parabola_minimum([1, 2, 4, 8], [2, 1, 1, 1]).log2 == pytest.approx(1.5)
    assert parabola_minimum([1, 2, 4], [1, 1, 1]) == (0.0, True, False)


def test_the_slope_of_a_power_law_is_its_exponent():
    x = np.array([1, 2, 8, 64, 100])
    assert log_slope(x, 3 * x**-0.75) == pytest.approx(-0.75, abs=1e-12)


def test_the_slope_is_that_of_a_least_squares_fit_in_the_range():
    x = np.array([8, 1, 2, 4, 16, 1000])
    y = np.array([1.3, 7.0, 4.0, 1.9, 0.8, 50.0])
    inside = (x >= 2) & (x <= 16)
    expected = np.polyfit(np.log(x[inside]), np.log(y[inside]), 1)[0]
    assert log_slope(x, y, low=2, high=16) == pytest.approx(expected, rel=1e-10)


def test_a_slope_is_undefined_if_a_point_in_the_range_is():
    assert log_slope([1, 2, 4], [1, math.inf, 3]) is None
    assert log_slope([1, 2, 4], [1, 0, 3]) is None
    assert log_slope([1, 2, 4], [None, 1, 2], low=2) == pytest.approx(1.0)
    assert log_slope([2, 2], [1, 3]) is None
    with pytest.raises(ValueError, match="not positive"):
        log_slope([0, 1], [1, 2])


def test_the_sensitivity_is_the_mean_excess_with_losses_capped_at_the_initial_one():
    rates, losses = np.geomspace(1e-4, 1e-1, 4000), 1 + (np.log10(np.geomspace(1e-4, 1e-1, 4000)) + 2) ** 2
    expected = np.mean(np.minimum(losses, 2.5) - losses.min())  # arXiv:2309.14322: the mean over equally spaced log rates
    assert lr_sensitivity(rates, losses, 2.5) == pytest.approx(expected, rel=1e-3)
    diverged = np.where(losses > 2.5, np.inf, losses)
    assert lr_sensitivity(rates, diverged, 2.5) == pytest.approx(expected, rel=1e-3)
    assert lr_sensitivity([1, 10, 100], [2, 1, None], 3) == sensitivity({1: 2.0, 10: 1.0, 100: None}, "min", 3.0)
