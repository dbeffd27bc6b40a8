"""Exact tests of paired differences, compared with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.permutation import attainable_p, permutation_p, wilcoxon_p


def drawn(n: int) -> np.ndarray:
    return np.random.default_rng(n).normal(0.5, 1, n)


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_the_permutation_test_equals_scipys(n):
    reference = stats.permutation_test(
        (drawn(n),), lambda values, axis: values.mean(axis), permutation_type="samples", n_resamples=np.inf
    )
    assert permutation_p(drawn(n)) == pytest.approx(reference.pvalue)


@pytest.mark.parametrize("n", [2, 3, 5, 10, 15, 40])
def test_the_signed_rank_test_equals_scipys(n):
    assert wilcoxon_p(drawn(n)) == pytest.approx(stats.wilcoxon(drawn(n)).pvalue)


def test_a_signed_rank_test_with_ties_and_zeros_is_exact():
    values = np.array([0.0, 1.0, 1.0, -1.0, 2.0, 3.0])
    flips = np.array(np.meshgrid(*[[-1, 1]] * 5)).reshape(5, -1)
    sums = np.abs(np.array([2, 2, 2, 4, 5]) @ flips)
    assert wilcoxon_p(values) == np.mean(sums >= 2 + 2 - 2 + 4 + 5)
    assert wilcoxon_p(np.zeros(4)) == 1


@pytest.mark.parametrize(("n", "p"), [(2, 0.5), (3, 0.25), (5, 0.0625), (15, 2**-14)])
def test_the_least_p_value_is_attained_if_all_differences_have_one_sign(n, p):
    assert permutation_p(np.abs(drawn(n))) == attainable_p(n) == p
    assert wilcoxon_p(np.abs(drawn(n))) == p


def test_many_pairs_are_sampled_and_repeatable():
    values = drawn(30)
    reference = stats.ttest_1samp(values, 0).pvalue
    assert permutation_p(values) == permutation_p(values) == pytest.approx(reference, abs=0.01)
    assert permutation_p(np.abs(values)) == attainable_p(30) == 1 / 10_001


def test_sums_that_differ_by_rounding_are_equal():
    coarse = np.array([0.98, 0.97, 0.95, 0.94]) - np.array([0.97, 0.96, 0.96, 0.92])  # .01, .01, -.01, .02 up to rounding
    assert permutation_p(coarse, resolution=1e-9) == permutation_p(np.array([1.0, 1.0, -1.0, 2.0]))
    assert wilcoxon_p(coarse, resolution=1e-9) == wilcoxon_p(np.array([1.0, 1.0, -1.0, 2.0]))
