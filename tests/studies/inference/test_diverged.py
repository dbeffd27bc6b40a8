"""What runs without a value count as in comparisons of two arms."""

from __future__ import annotations

import math

import pytest
from support.claims import by_seed, check

from descentlab.studies.checks import Verdict

A = [1.0, 1.2, 0.9, 1.1, 1.0]
PAIR = {"arms": ["a", "b"]}
LOST = [1.0, None, 0.9, 1.1, 1.0]


@pytest.mark.parametrize(
    ("name", "a", "b", "infinite"),
    [
        ("difference", LOST, A, math.inf),
        ("difference", A, LOST, -math.inf),
        ("ratio", LOST, A, math.inf),
        ("ratio", A, LOST, 0.0),
    ],
)
def test_worst_high_makes_a_difference_infinite_and_a_ratio_infinite_or_zero(name, a, b, infinite):
    for bound in ({"at_most": 0.5}, {"at_least": 0.5}):
        found = check(name, by_seed(a=a, b=b), **PAIR, **bound, diverged="worst_high")
        assert found.estimate == infinite
        outside = infinite > 0.5 if "at_most" in bound else infinite < 0.5
        assert (found.verdict is Verdict.NOT_REPRODUCED) == outside


@pytest.mark.parametrize("name", ["difference", "ratio"])
def test_two_diverged_runs_cannot_be_compared(name):
    found = check(name, by_seed(a=LOST, b=LOST), **PAIR, at_most=2, diverged="worst_high")
    assert (found.verdict, found.estimate) == (Verdict.INCONCLUSIVE, None)
    assert found.reason == "the effect is undefined; 2 of 10 runs diverged or have no value"


@pytest.mark.parametrize("bound", [{"at_most": 9}, {"at_least": 0.01}])
@pytest.mark.parametrize(("a", "b"), [(LOST, A), (A, LOST), (LOST, LOST)])
@pytest.mark.parametrize("name", ["difference", "ratio"])
def test_by_default_a_diverged_run_of_either_arm_contradicts_every_bound(name, a, b, bound):
    assert check(name, by_seed(a=a, b=b), **PAIR, **bound).verdict is Verdict.NOT_REPRODUCED


def test_a_diverged_run_and_a_value_of_zero_contradict_every_bound():
    for bound in ({"at_most": 9}, {"at_least": 0.01}):
        assert check("ratio", by_seed(a=[0.0, None, 0.1], b=A[:3]), **PAIR, **bound).verdict is Verdict.NOT_REPRODUCED


def test_an_arm_of_which_every_run_diverged_is_infinitely_worse():
    values = by_seed(a=[None] * 5, b=A)
    found = check("ratio", values, **PAIR, at_least=10, diverged="worst_high")
    assert (found.verdict, found.low) == (Verdict.REPRODUCED, math.inf)
    assert check("ordering", values, arms=["b", "a"], diverged="worst_high").verdict is Verdict.REPRODUCED
