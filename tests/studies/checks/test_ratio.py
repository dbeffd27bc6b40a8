"""Ratios of two arms, compared with t-tests of logarithms; values without a logarithm; several x."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from support.claims import by_seed, by_x, check

from descentlab.errors import UsageError
from descentlab.studies.checks import Verdict

A, B = [0.020, 0.021, 0.019, 0.018, 0.020], [0.030, 0.031, 0.028, 0.033, 0.030]
ZEROS = [0.0, 0.0, 0.001, 0.0, 0.002]
PAIR = {"arms": ["a", "b"]}


def test_it_is_the_geometric_mean_of_the_ratios_with_the_t_interval_of_logarithms():
    found = check("ratio", by_seed(a=A, b=B), **PAIR, at_most=0.8)
    logs = np.log(A) - np.log(B)
    low, high = stats.t.interval(0.95, 4, logs.mean(), stats.sem(logs))
    assert found.estimate == pytest.approx(math.exp(logs.mean()))
    assert (found.low, found.high) == pytest.approx((math.exp(low), math.exp(high)))
    assert (found.verdict, found.n, found.effect, found.bound) == (Verdict.REPRODUCED, 5, "a / b", "at most 0.8")


def test_the_interval_decides():
    values = by_seed(a=A, b=B)
    assert check("ratio", values, **PAIR, at_most=0.5).verdict is Verdict.NOT_REPRODUCED
    near = check("ratio", values, **PAIR, at_most=0.65)
    assert near.verdict is Verdict.INCONCLUSIVE
    assert near.reason == "the interval contains an end of the bound"
    assert near.needed > 5


def test_values_of_zero_use_the_ratio_of_the_means():
    found = check("ratio", by_seed(a=ZEROS, b=B), **PAIR, at_most=0.1)
    assert found.estimate == pytest.approx(np.mean(ZEROS) / np.mean(B))
    assert found.verdict is Verdict.REPRODUCED
    assert "Fieller" in found.reason


def test_a_denominator_that_is_not_distinguishable_from_zero_gives_no_interval():
    found = check("ratio", by_seed(a=A, b=[1.0, -1.0, 0.5, -0.7, 0.1]), **PAIR, at_most=0.8)
    assert (found.verdict, found.low) == (Verdict.INCONCLUSIVE, None)
    assert "no bounded interval" in found.reason


def test_every_x_must_meet_the_bound_and_an_arm_without_x_is_compared_at_each():
    values = by_x(a={100: A, 200: A}, b={100: B, 200: [value / 2 for value in B]})
    found = check("ratio", values, **PAIR, at_most=0.8)
    assert found.verdict is Verdict.NOT_REPRODUCED
    assert found.effect == "a / b at 200 (least favourable of 2)"
    one = by_seed(a=A).vstack(by_x(b={100: B, 200: B}))
    assert check("ratio", one, **PAIR, at_most=0.8).verdict is Verdict.REPRODUCED


def test_x_outside_the_range_are_left_out():
    values = by_x(a={1: A, 10: A, 100: B}, b={1: B, 10: B, 100: A})
    assert check("ratio", values, **PAIR, at_most=0.8, range=[1, 10]).verdict is Verdict.REPRODUCED
    assert check("ratio", values, **PAIR, at_most=0.8, range=[10, 100]).verdict is Verdict.NOT_REPRODUCED
    one = by_seed(a=A).vstack(by_x(b={1: A, 10: B}))
    assert check("ratio", one, **PAIR, at_most=0.8, range=[2, 10]).effect == "a / b at 10"
    with pytest.raises(UsageError, match="range"):
        check("ratio", values, **PAIR, at_most=0.8, range=[10])


def test_x_without_partner_are_reported():
    found = check("ratio", by_x(a={100: A, 300: A}, b={100: B}), **PAIR, at_most=0.8)
    assert (found.verdict, found.reason) == (Verdict.REPRODUCED, "x = 300 is not in all arms and left out")
