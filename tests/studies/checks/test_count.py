"""Fractions of seeds that fulfil a condition."""

from __future__ import annotations

from support.claims import by_seed, by_x, check

from descentlab.studies.checks import Verdict

SOLVED = {"at_most": 0.1, "fraction_at_least": 0.75}


def test_all_of_four_seeds_do_not_show_three_quarters_but_thirteen_do():
    """.025^(1 / n) is at least .75 from n = 13 on."""
    found = check("count", by_seed(a=[0.01] * 4), **SOLVED)
    assert (found.verdict, found.estimate, found.needed) == (Verdict.INCONCLUSIVE, 1.0, 13)
    assert check("count", by_seed(a=[0.01] * 13), **SOLVED).verdict is Verdict.REPRODUCED
    assert check("count", by_seed(a=[0.01] * 12), **SOLVED).verdict is Verdict.INCONCLUSIVE


def test_the_observed_fraction_decides_if_it_is_exact():
    values = by_seed(a=[0.01, 0.1, 0.02, 5.0])
    assert check("count", values, **SOLVED, exact=True).verdict is Verdict.REPRODUCED
    assert check("count", values, at_most=0.1, fraction_at_most=0.5, exact=True).verdict is Verdict.NOT_REPRODUCED


def test_a_diverged_run_does_not_fulfil_the_condition():
    values = by_seed(a=[0.01, 0.1, None, 5.0])
    assert check("count", values, **SOLVED).estimate == 0.5
    assert check("count", values, at_least=1, fraction_at_least=0.5).estimate == 0.25
    assert check("count", values, at_least=1, fraction_at_least=0.5, diverged="worst_high").estimate == 0.5
    assert check("count", values, **SOLVED, diverged="undefined").verdict is Verdict.INCONCLUSIVE


def test_a_seed_must_fulfil_it_at_every_x():
    values = by_x(a={1: [0.0, 0.0], 2: [0.0, 1.0]})
    assert check("count", values, **SOLVED).estimate == 0.5
