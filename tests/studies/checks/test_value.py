"""Means over seeds and values of each seed against a bound, with diverged runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from support.claims import by_seed, by_x, check

from descentlab.studies.checks import Verdict

V = [1.0, 1.1, 0.9, 1.2]


def test_it_is_the_mean_with_its_t_interval():
    found = check("value", by_seed(a=V), within=[0.8, 1.4])
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 3, np.mean(V), stats.sem(V)))
    assert (found.verdict, found.estimate, found.bound) == (Verdict.REPRODUCED, pytest.approx(1.05), "within [0.8, 1.4]")


def test_the_geometric_mean_is_that_of_logarithms():
    found = check("value", by_seed(a=[1e-8, 1e-6]), at_most=1, scale="log")
    assert found.estimate == pytest.approx(1e-7)
    assert found.low * found.high == pytest.approx(1e-14)


def test_every_arm_and_x_must_meet_the_bound():
    values = by_x(a={0.1: V, 0.2: V}, b={0.1: V, 0.2: [value + 1 for value in V]})
    found = check("value", values, at_most=1.5)
    assert (found.verdict, found.effect) == (Verdict.NOT_REPRODUCED, "b at 0.2 (least favourable of 4)")
    assert check("value", values, arms="a", at_most=1.5).verdict is Verdict.REPRODUCED


def test_each_value_must_meet_the_bound():
    found = check("value", by_seed(a=V, b=V), at_most=1.2, each=True)
    assert (found.verdict, found.estimate, found.low, found.n) == (Verdict.REPRODUCED, 1.2, None, 4)
    assert check("value", by_seed(a=V), at_most=1.15, each=True).verdict is Verdict.NOT_REPRODUCED
    assert check("value", by_seed(a=V), within=[0.95, 2], each=True).estimate == 0.9


def test_each_of_one_seed_is_inconclusive_unless_exact():
    assert check("value", by_seed(a=[1.0]), at_most=2, each=True).verdict is Verdict.INCONCLUSIVE
    assert check("value", by_seed(a=[1.0]), at_most=2, each=True, exact=True).verdict is Verdict.REPRODUCED


@pytest.mark.parametrize("missing", [None, math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("each", [False, True])
@pytest.mark.parametrize("bound", [{"at_most": 9}, {"at_least": 0}, {"within": [0, 9]}])
def test_a_diverged_run_contradicts_every_bound(missing, each, bound):
    found = check("value", by_seed(a=[*V, missing]), each=each, **bound)
    assert (found.verdict, found.n) == (Verdict.NOT_REPRODUCED, 5)
    assert found.reason == "1 of 5 runs diverged or have no value"


def test_a_diverged_run_may_count_as_infinite_or_undefined():
    values = by_seed(a=[*V, None])
    high = check("value", values, at_least=0.5, diverged="worst_high")
    assert (high.verdict, high.estimate, high.low, high.high) == (Verdict.REPRODUCED, math.inf, 0.9, math.inf)
    mixed = check("value", values, at_least=1.05, diverged="worst_high")  # the others are on both sides
    assert mixed.verdict is Verdict.INCONCLUSIVE
    assert check("value", values, at_most=9, diverged="worst_high").verdict is Verdict.NOT_REPRODUCED
    unknown = check("value", values, at_most=9, diverged="undefined")
    assert (unknown.verdict, unknown.estimate) == (Verdict.INCONCLUSIVE, None)
    assert check("value", by_seed(a=[1, None, None]), at_least=0.5, diverged="worst_high").needed == 5


def test_a_logarithm_of_a_negative_value_is_undefined():
    assert check("value", by_seed(a=[1.0, -1.0, 2.0]), at_most=9, scale="log").reason == "the effect is undefined"


def test_needed_is_that_of_a_one_sample_t_test():
    """The least n with which a two-sided test at 5 % finds the distance to the bound with a probability of .8."""
    found = check("value", by_seed(a=V), at_most=1.2)
    n, sd = found.needed, np.std(V, ddof=1)

    def power(n):
        t, shift = stats.t.ppf(0.975, n - 1), 0.15 / sd * math.sqrt(n)
        return stats.nct.sf(t, n - 1, shift) + stats.nct.cdf(-t, n - 1, shift)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert power(n) >= 0.8 > power(n - 1)
