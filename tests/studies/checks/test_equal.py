"""Equality up to a tolerance in every seed."""

from __future__ import annotations

import math

import pytest
from support.claims import by_seed, by_x, check

from descentlab.studies.checks import Verdict


def test_the_largest_distance_decides():
    values = by_x(a={1: [1e-6, -3e-6], 2: [2e-6, 0.0]})
    found = check("equal", values, tolerance=3e-6)
    assert (found.verdict, found.estimate, found.n, found.bound) == (Verdict.REPRODUCED, 3e-6, 2, "at most 3e-06")
    assert check("equal", values, tolerance=2.9e-6).verdict is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_a_run_without_a_value_is_not_equal(value):
    found = check("equal", by_seed(a=[0.0, value]), tolerance=1)
    assert (found.verdict, found.estimate) == (Verdict.NOT_REPRODUCED, math.inf)


def test_one_seed_or_none_is_inconclusive_and_exact_decides():
    assert check("equal", by_seed(a=[0.0]), tolerance=1).verdict is Verdict.INCONCLUSIVE
    assert check("equal", by_seed(a=[0.0]), tolerance=0, exact=True).verdict is Verdict.REPRODUCED
    absent = check("equal", by_seed(a=[0.0, 0.0]), arms=["a", "b"], tolerance=1)
    assert (absent.verdict, absent.reason) == (Verdict.INCONCLUSIVE, "a value is undefined; there are no values of b")
