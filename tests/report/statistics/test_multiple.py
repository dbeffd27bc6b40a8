"""Correction for several comparisons."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.multiple import all_pairs, holm


def test_adjusted_p_values_equal_those_of_statsmodels():
    # statsmodels 0.15.0: multipletests(p, method="holm")[1]
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@pytest.mark.parametrize(
    ("given", "adjusted"), [([], []), ([0.02], [0.02]), ([0.9, 1.0], [1.0, 1.0]), ([0.0, 0.0], [0.0, 0.0])]
)
def test_few_or_extreme_p_values(given, adjusted):
    assert holm(given) == adjusted


def test_equal_p_values_get_equal_adjusted_ones():
    assert holm([0.02, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])


@pytest.mark.parametrize("p", [-0.1, 1.1, math.nan])
def test_numbers_that_are_not_p_values_are_refused(p):
    with pytest.raises(ValueError, match=r"in \[0, 1\]"):
        holm([0.5, p])


def test_comparisons_that_are_not_reported_count_as_p_values_of_one():
    assert holm([0.01, 0.03], comparisons=4) == holm([0.01, 0.03, 1.0, 1.0])[:2] == pytest.approx([0.04, 0.09])
    assert [all_pairs(k) for k in (1, 2, 3, 8)] == [0, 1, 3, 28]
    with pytest.raises(ValueError, match="more than 1 comparisons"):
        holm([0.1, 0.2], comparisons=1)


@pytest.mark.slow
@pytest.mark.parametrize("n", [3, 5, 10])
@pytest.mark.parametrize("k", [2, 3, 8])
def test_the_best_of_equal_optimizers_is_seldom_distinguished_from_the_others(k, n):
    sweeps = np.random.default_rng([k, n]).normal(size=(10_000, k, n))
    ranked = np.take_along_axis(sweeps, np.argsort(-sweeps.mean(2), axis=1)[..., None], axis=1)
    p_values = stats.ttest_rel(ranked[:, :1], ranked[:, 1:], axis=2).pvalue
    wrong = np.mean([min(holm(row, all_pairs(k))) < 0.05 for row in p_values.tolist()])
    assert wrong <= 0.055 + 2 * math.sqrt(0.05 * 0.95 / len(sweeps))
