"""Orders of arms: strict, in both directions, all neighbours."""

from __future__ import annotations

import math

import pytest
from scipy import stats
from support.claims import by_seed, check

from descentlab.studies.checks import Verdict

A, B, C = [0.018, 0.019, 0.018], [0.022, 0.022, 0.021], [0.030, 0.029, 0.031]


def test_values_that_increase_are_ordered():
    found = check("ordering", by_seed(a=A, b=B, c=C), arms=["a", "b", "c"])
    assert (found.verdict, found.effect, found.bound) == (
        Verdict.REPRODUCED,
        "b - a (least favourable of 2)",
        "above 0",
    )
    assert check("ordering", by_seed(a=A, b=B, c=C), arms=["c", "b", "a"], direction="decreasing").verdict is Verdict.REPRODUCED


def test_one_wrong_neighbour_is_enough():
    found = check("ordering", by_seed(a=A, b=B, c=C), arms=["a", "c", "b"])
    assert (found.verdict, found.effect) == (Verdict.NOT_REPRODUCED, "b - c (least favourable of 2)")


def test_equal_arms_are_not_in_order_if_exact():
    assert check("ordering", by_seed(a=[1.0], b=[1.0]), arms=["a", "b"], exact=True).verdict is Verdict.NOT_REPRODUCED
    assert check("ordering", by_seed(a=[1.0], b=[1.1]), arms=["a", "b"], exact=True).verdict is Verdict.REPRODUCED


def test_on_the_log_scale_a_step_is_a_ratio():
    found = check("ordering", by_seed(a=A, b=B), arms=["a", "b"], scale="log")
    logs = [math.log(y / x) for x, y in zip(A, B, strict=True)]
    expected = stats.ttest_1samp(logs, 0).confidence_interval(0.95)
    assert (found.effect, found.bound) == ("b / a", "above 1")
    assert (found.low, found.high) == pytest.approx((math.exp(expected.low), math.exp(expected.high)))


def test_not_reproduced_is_corrected_for_the_number_of_steps():
    """A single step whose interval just lies below 0 at 95 % is not enough if there are two."""
    down = [-0.9, -0.1, -0.5, -0.2, -1.2]  # t = -2.8, two-sided p = .045
    assert 0.025 < stats.ttest_1samp(down, 0).pvalue < 0.05
    flat = by_seed(a=[0.0] * 5, b=down)
    assert check("ordering", flat, arms=["a", "b"]).verdict is Verdict.NOT_REPRODUCED
    found = check("ordering", by_seed(a=[0.0] * 5, b=down, c=[2.0, 2.2, 2.1, 2.0, 2.3]), arms=["a", "b", "c"])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "correction for several comparisons" in found.reason
