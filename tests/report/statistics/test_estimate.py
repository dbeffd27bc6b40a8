"""Means with intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.estimate import estimate, mean


def test_the_interval_of_an_unbounded_number_equals_scipys_t_interval():
    values = [0.91, 0.95, 0.96, 0.90]
    found = estimate(values, "gap")
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.low, found.high, found.mean, found.n) == pytest.approx((low, high, np.mean(values), 4))
    assert found.method == "t"


def test_the_interval_keeps_to_the_range_of_the_metric():
    found = estimate([0.999, 0.97, 0.998], "test/accuracy")
    assert 0 < found.low < found.mean < found.high < 1
    assert found.method == "t on the logit scale"


@pytest.mark.parametrize("values", [[], [None], [1.0, None], [1.0, math.nan], [1.0, math.inf]])
def test_the_mean_is_none_if_a_seed_lacks_a_finite_value(values):
    assert estimate(values) is None
    assert mean(values) is None


def test_one_seed_has_no_interval():
    found = estimate([0.5], "accuracy")
    assert (found.low, found.high, found.method) == (None, None, "")


def test_equal_values_are_marked():
    assert estimate([0.5, 0.5], "accuracy").is_equal
    assert not estimate([0.5, 0.6], "accuracy").is_equal
