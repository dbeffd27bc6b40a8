"""Differences of two arms, paired and unpaired, compared with scipy's t-tests."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats
from support.claims import by_seed, check, frame

from descentlab.studies.checks import Verdict

A, B = [1.0, 1.2, 0.9, 1.1], [0.7, 0.8, 0.7, 0.6]
PAIR = {"arms": ["a", "b"]}


def test_it_has_the_paired_t_interval():
    found = check("difference", by_seed(a=A, b=B), **PAIR, at_least=0.1)
    expected = stats.ttest_rel(A, B).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.estimate == pytest.approx(np.mean(A) - np.mean(B))
    assert (found.verdict, found.n) == (Verdict.REPRODUCED, 4)


def test_another_level_gives_another_interval():
    found = check("difference", by_seed(a=A, b=B), **PAIR, at_least=0.1, level=0.8)
    expected = stats.ttest_rel(A, B).confidence_interval(0.8)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_seeds_that_are_not_shared_give_welchs_interval():
    other = by_seed(b=B).with_columns(pl.col("seed") + 100)
    found = check("difference", pl.concat([by_seed(a=A), other]), **PAIR, at_least=0.1)
    expected = stats.ttest_ind(A, B, equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.reason == "the seeds are not paired (Welch's method)"


def test_seeds_without_partner_are_reported():
    found = check("difference", by_seed(a=[*A, 9.0], b=B), **PAIR, at_least=0.1)
    assert (found.n, found.reason) == (4, "seeds without a partner are left out: 2004")
    assert found.estimate == pytest.approx(0.35)


def test_a_diverged_run_without_a_partner_is_not_left_out():
    found = check("difference", by_seed(a=[*A, None], b=B), **PAIR, at_least=0.1)
    assert (found.verdict, found.reason) == (Verdict.NOT_REPRODUCED, "1 of 9 runs diverged or have no value")


def test_one_seed_is_inconclusive_unless_the_quantity_is_exact():
    one = frame([("a", None, 0, 2.0), ("b", None, 0, 1.0)])
    found = check("difference", one, **PAIR, at_least=0.5)
    assert (found.verdict, found.estimate, found.low) == (Verdict.INCONCLUSIVE, 1.0, None)
    assert found.reason == "one seed: the variation over seeds is unknown"
    exact = check("difference", one, **PAIR, at_least=0.5, exact=True)
    assert (exact.verdict, exact.low, exact.reason) == (Verdict.REPRODUCED, None, "")
    assert check("difference", one, **PAIR, at_least=1.5, exact=True).verdict is Verdict.NOT_REPRODUCED


@pytest.mark.parametrize(("n", "verdict", "needed"), [(4, Verdict.INCONCLUSIVE, 5), (5, Verdict.REPRODUCED, None)])
def test_equal_differences_decide_from_five_seeds_on(n, verdict, needed):
    values = by_seed(a=[k + 0.5 for k in range(n)], b=range(n))
    found = check("difference", values, **PAIR, at_least=0.1)
    assert (found.verdict, found.needed) == (verdict, needed)


def test_without_values_it_is_inconclusive():
    found = check("difference", by_seed(a=A), **PAIR, at_least=0.1)
    assert (found.verdict, found.estimate) == (Verdict.INCONCLUSIVE, None)
    assert found.reason == "there are no values of b"
