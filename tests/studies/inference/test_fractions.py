"""Intervals of fractions, compared with scipy's exact binomial interval, and the numbers of seeds that decide."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from descentlab.studies.inference.bounds import bound_of
from descentlab.studies.inference.fractions import Fraction, clopper_pearson


@pytest.mark.parametrize(("count", "n"), [(0, 4), (4, 4), (3, 4), (7, 20), (1, 2)])
def test_the_interval_is_that_of_clopper_and_pearson(count, n):
    low, high = clopper_pearson(np.array([float(count)]), np.array([float(n)]), 0.95)
    expected = stats.binomtest(count, n).proportion_ci(0.95, "exact")
    assert (low[0], high[0]) == pytest.approx((expected.low, expected.high))


def test_needed_is_the_least_number_whose_interval_decides():
    bound = bound_of({"at_least": 0.5})
    found = Fraction("solved", 7, 10).needed(bound, 0.95)
    assert stats.binomtest(round(0.7 * found), found).proportion_ci(0.95, "exact").low >= 0.5
    for n in range(11, found):
        assert stats.binomtest(round(0.7 * n), n).proportion_ci(0.95, "exact").low < 0.5
    assert Fraction("solved", 5, 10).needed(bound, 0.95) is None  # exactly at the bound
