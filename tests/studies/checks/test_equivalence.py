"""Practical equality by two one-sided tests, compared with scipy's one-sided t-tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from support.claims import by_seed, check

from descentlab.studies.checks import Verdict

A = np.array([0.95, 0.96, 0.955, 0.97, 0.945])
D = np.array([0.004, -0.002, 0.006, 0.001, 0.003])
PAIR = {"arms": ["a", "b"]}


@pytest.mark.parametrize("margin", [0.004, 0.0050, 0.0055, 0.007, 0.02])
def test_it_is_reproduced_if_both_one_sided_tests_reject(margin):
    found = check("equivalence", by_seed(a=A + D, b=A), **PAIR, margin=margin)
    p = max(
        stats.ttest_1samp(D, margin, alternative="less").pvalue,
        stats.ttest_1samp(D, -margin, alternative="greater").pvalue,
    )
    assert (found.verdict is Verdict.REPRODUCED) == (p < 0.05)
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.9, 4, D.mean(), stats.sem(D)))


def test_a_difference_beyond_the_margin_is_not_reproduced():
    found = check("equivalence", by_seed(a=A + D + 0.05, b=A), **PAIR, margin=0.02)
    assert (found.verdict, found.bound) == (Verdict.NOT_REPRODUCED, "within +- 0.02")


def test_a_factor_is_a_margin_of_the_ratio():
    values = by_seed(a=A * np.exp(D), b=A)
    assert check("equivalence", values, **PAIR, factor=1.01).verdict is Verdict.REPRODUCED
    assert check("equivalence", values, **PAIR, factor=1.003).verdict is Verdict.INCONCLUSIVE
    assert check("equivalence", values, **PAIR, factor=1.01).effect == "a / b"
