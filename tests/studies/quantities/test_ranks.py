"""Correlations and the expected best, against scipy and all subsets."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from descentlab.studies.quantities.expected_best_of import expected_best_of
from descentlab.studies.quantities.log_correlation import log_correlation
from descentlab.studies.quantities.spearman import spearman


def test_spearman_is_that_of_scipy_with_ties():
    stream = np.random.default_rng(0)
    for size in (3, 10, 40):
        x, y = stream.integers(0, 6, size), stream.standard_normal(size).round(1)
        assert spearman(x, y) == pytest.approx(spearmanr(x, y).statistic, abs=1e-12)


def test_spearman_of_a_monotone_function_is_one():
    x = np.array([0.1, 2, 0.3, 7, 5])
    assert spearman(x, np.exp(x)) == pytest.approx(1)
    assert spearman(x, -x) == pytest.approx(-1)
    assert spearman([1, 2, 3], [1, 2, math.inf]) == pytest.approx(1)


def test_the_correlation_of_logarithms_is_that_of_scipy():
    x, y = np.random.default_rng(0).lognormal(size=(2, 20))
    assert log_correlation(x, x * y) == pytest.approx(pearsonr(np.log(x), np.log(x * y)).statistic)
    assert log_correlation(x, 3 / x**2) == pytest.approx(-1)


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([0, 1, 2], [1, 2, 3])])
def test_the_correlation_of_logarithms_is_undefined_for_few_equal_or_nonpositive_values(x, y):
    assert log_correlation(x, y) is None


@pytest.mark.parametrize(("x", "y"), [([1, 2], [1, 2]), ([1, 1, 1], [1, 2, 3]), ([1, 2, math.nan], [1, 2, 3])])
def test_spearman_is_undefined_for_few_equal_or_missing_values(x, y):
    assert spearman(x, y) is None


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_the_expected_best_is_the_mean_over_all_subsets(k):
    values = [0.3, 2.0, 0.1, 0.3, 5.0, 1.0]
    assert expected_best_of(values, k) == pytest.approx(np.mean([min(each) for each in combinations(values, k)]))
    assert expected_best_of(values, k, "max") == pytest.approx(np.mean([max(each) for each in combinations(values, k)]))


def test_diverged_trials_count_if_all_of_a_draw_may_have_diverged():
    values = [0.5, math.nan, 0.25, None]
    assert expected_best_of(values, 2) == math.inf
    assert expected_best_of(values, 3) == pytest.approx((3 * 0.25 + 0.5) / 4)
    assert expected_best_of(values, 2, "max") == -math.inf
    with pytest.raises(ValueError, match="5 of 4"):
        expected_best_of(values, 5)
