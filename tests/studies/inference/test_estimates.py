"""The number of seeds that would decide: compared with scipy's noncentral t distribution."""

from __future__ import annotations

import math

import pytest
from scipy import stats

from descentlab.studies.inference.bounds import bound_of
from descentlab.studies.inference.estimates import Mean, fewest_equal, mean_over_seeds
from descentlab.studies.inference.scales import LOG


def estimate(center, sd=1.0, n=4, **more):
    return Mean("a", center, n, sd / math.sqrt(n), n - 1, **more)


@pytest.mark.parametrize("center", [0.5, -0.5])  # outside and inside of "at most 0"
def test_one_sided_bounds_need_the_seeds_of_a_t_test(center):
    """34 pairs find half a standard deviation with a probability of .8 (Cohen 1988)."""
    assert estimate(center).needed(bound_of({"at_most": 0}), 0.95) == 34


def test_inside_of_two_ends_both_must_be_excluded():
    found = estimate(0.0).needed(bound_of({"within": [-0.5, 0.5]}), 0.95)

    def power(n):
        t, shift = stats.t.ppf(0.975, n - 1), 0.5 * math.sqrt(n)
        return 1 - stats.nct.cdf(t, n - 1, -shift + 2 * shift) * 2  # both one-sided tests, symmetric

    assert power(found) >= 0.8 > power(found - 1)
    assert found > 34


def test_a_ratio_needs_as_many_as_its_logarithm():
    on_logs = estimate(math.log(1.5), scale=LOG).needed(bound_of({"at_most": 1}), 0.95)
    assert on_logs == estimate(math.log(1.5)).needed(bound_of({"at_most": 0}), 0.95)


def test_exactly_at_the_bound_no_number_decides():
    assert estimate(1.0).needed(bound_of({"at_most": 1}), 0.95) is None


def test_equal_values_decide_from_five_seeds_on():
    assert (fewest_equal(0.95), fewest_equal(0.99), fewest_equal(0.5)) == (5, 7, 2)
    four, five = (mean_over_seeds([2.0] * n, "a") for n in (4, 5))
    assert (four.interval(0.95), five.interval(0.95)) == (None, (2.0, 2.0))
    assert four.needed(bound_of({"at_most": 3}), 0.95) == 5


def test_values_that_are_equal_up_to_the_rounding_of_float32_are_equal():
    assert mean_over_seeds([1.0, 1.0 + 1e-8, 1.0], "a").error == 0


def test_infinite_values_of_both_signs_have_no_mean():
    assert math.isnan(mean_over_seeds([math.inf, -math.inf], "a").value)
