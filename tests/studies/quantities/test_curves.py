"""Quantities of curves, against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from descentlab.studies.quantities.crossing import crossing
from descentlab.studies.quantities.decay_rate import decay_rate
from descentlab.studies.quantities.last_share_median import last_share_median
from descentlab.studies.quantities.max_of_first import max_of_first
from descentlab.studies.quantities.monotone import monotone
from descentlab.studies.quantities.relative_distance import relative_distance
from descentlab.studies.quantities.trajectory_distance import trajectory_distance

STEPS = [0, 10, 20, 30]


def test_the_first_step_at_a_threshold():
    assert crossing(STEPS, [4, 2, 3, 1], 2) == 10
    assert crossing(STEPS, [4, 2, 3, 1], 1.5) == 30
    assert crossing(STEPS, [4, 2, 3, 1], 0.5) is None
    assert crossing(STEPS, [0.1, 0.4, 0.3, 0.9], 0.35, "at_least") == 10
    assert crossing(STEPS, [None, math.nan, 3, 1], 3) == 20
    assert crossing(STEPS, [4, 2, 3, 1], 2.5, interpolate=True) == pytest.approx(7.5)
    assert crossing(STEPS, [4, 2, 3, 1], 4, interpolate=True) == 0
    assert crossing(STEPS, [None, 2, 3, 1], 2.5, interpolate=True) == 10
    assert crossing([], [], 3) is None


def test_the_rate_of_an_exponential_decay():
    steps = np.array([0, 5, 20, 100])
    assert decay_rate(steps, 3 * np.exp(-0.02 * steps)) == pytest.approx(0.02, rel=1e-9)
    assert decay_rate([0, 1, 2], [1, 2, 4]) == pytest.approx(-math.log(2))
    assert decay_rate([0, 1, 2], [1, 0, 4]) is None
    assert decay_rate([0, 1], [1, None]) is None
    assert decay_rate([3, 3], [1, 2]) is None


def test_steps_that_do_not_ascend_are_refused():
    with pytest.raises(ValueError, match="ascend"):
        crossing([0, 2, 1], [1, 2, 3], 1)


def test_the_median_of_the_last_third():
    steps = np.arange(1, 91)
    assert last_share_median(steps, steps) == pytest.approx(75.5)  # of 61 .. 90
    assert last_share_median(steps, steps, share=1) == pytest.approx(45.5)
    assert last_share_median([30, 10, 20], [5, 7, 9]) == 5
    assert last_share_median([10, 20, 30], [math.nan, 7, 9]) == 9
    assert last_share_median([10, 20, 30], [1, 7, math.nan]) is None
    assert last_share_median([], []) is None
    with pytest.raises(ValueError, match="share 0"):
        last_share_median(STEPS, STEPS, 0)


def test_the_highest_of_the_first_values():
    assert max_of_first([3, 5, 4, 9], 3) == 5
    assert max_of_first([3, math.nan, 4], 3) == math.inf
    assert max_of_first([3, 5], 3) is None
    with pytest.raises(ValueError, match="first 0"):
        max_of_first([3], 0)


def test_the_largest_step_against_the_direction():
    assert monotone([5, 3, 3, 1]) == 0
    assert monotone([5, 3, 4, 1]) == 1
    assert monotone([5, 3, 4, 1], "rising") == 3
    assert monotone([1, 2, 2], "rising") == 0
    assert monotone([1, math.nan]) == math.inf
    assert monotone([1, math.inf]) == math.inf
    assert monotone([math.inf, math.inf, 1]) == 0
    assert monotone([1]) is None


def test_the_largest_relative_difference_at_common_steps():
    a, b = ([0, 1, 2, 4], [1.0, 2.0, 4.0, 8.0]), ([4, 0, 2, 3], [10.0, 1.0, 3.0, 0.0])
    assert trajectory_distance(*a, *b) == pytest.approx(1 / 4)  # 0 at step 0, 1/4 at 2, 2/10 at 4
    assert trajectory_distance(*b, *a) == pytest.approx(1 / 4)
    assert trajectory_distance(*a, *b, until=1) == 0
    assert trajectory_distance([0], [0.0], [0], [0.0]) == 0
    assert trajectory_distance([0], [1.0], [0], [math.nan]) == math.inf
    assert trajectory_distance([0], [1.0], [1], [1.0]) is None


def test_the_distance_of_weights_is_relative_to_the_way_of_the_first():
    assert relative_distance([3, 4], [3, 5]) == pytest.approx(1 / 5)
    assert relative_distance([3, 4], [3, 5], origin=[3, 2]) == pytest.approx(1 / 2)
    assert relative_distance([3, 4], [3, math.inf]) == math.inf
    assert relative_distance([3, 4], [3, 5], origin=[3, 4]) is None
    with pytest.raises(ValueError, match="2 values of x and 1 of y"):
        relative_distance([3, 4], [3])
