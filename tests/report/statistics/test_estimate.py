"""Means and intervals, compared with scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.estimate import estimate


def test_the_interval_equals_scipys_t_interval():
    values = [0.91, 0.95, 0.96, 0.90]
    found = estimate(values)
    assert found is not None
    assert found.half_width is not None
    low, high = stats.t.interval(0.95, 3, np.mean(values), stats.sem(values))
    assert (found.mean - found.half_width, found.mean + found.half_width, found.n) == pytest.approx((low, high, 4))


@pytest.mark.parametrize("values", [[], [None], [1.0, None], [1.0, math.nan], [1.0, math.inf]])
def test_the_mean_is_none_if_a_seed_lacks_a_finite_value(values):
    assert estimate(values) is None


def test_one_seed_has_no_interval():
    found = estimate([0.5])
    assert found is not None
    assert found.half_width is None
