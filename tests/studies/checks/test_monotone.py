"""Monotone curves over x and over arms."""

from __future__ import annotations

from support.claims import by_seed, by_x, check

from descentlab.studies.checks import Verdict

CURVE = {1: [1.0, 1.1, 1.0], 2: [2.0, 2.2, 2.1], 4: [2.95, 3.1, 3.0]}


def test_a_curve_that_increases_is_monotone_in_one_direction():
    assert check("monotone", by_x(a=CURVE)).verdict is Verdict.REPRODUCED
    found = check("monotone", by_x(a=CURVE), direction="decreasing")
    assert (found.verdict, found.effect) == (Verdict.NOT_REPRODUCED, "a at 1 - a at 2 (least favourable of 2)")


def test_a_step_back_needs_a_tolerance():
    values = by_x(a={1: [1.0], 2: [0.9], 3: [2.0]})
    assert check("monotone", values, exact=True).verdict is Verdict.NOT_REPRODUCED
    assert check("monotone", values, exact=True, tolerance=0.2).verdict is Verdict.REPRODUCED
    assert check("monotone", values, exact=True, tolerance=0.05).verdict is Verdict.NOT_REPRODUCED


def test_steps_of_zero_are_monotone_but_not_ordered():
    values = by_seed(a=[1.0], b=[1.0], c=[2.0])
    assert check("monotone", values, over="arms", arms=["a", "b", "c"], exact=True).verdict is Verdict.REPRODUCED
    assert check("ordering", values, arms=["a", "b", "c"], exact=True).verdict is Verdict.NOT_REPRODUCED


def test_a_single_point_has_no_steps():
    found = check("monotone", by_x(a={1: [1.0, 2.0]}))
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, "the arms have no common x, or too few values")
