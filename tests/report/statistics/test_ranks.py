"""Average ranks over problems, compared with scipy, with tables of Demšar (JMLR 2006) and with scikit-posthocs.

The recorded values are those of scikit-posthocs 0.17.1: `posthoc_nemenyi_friedman(table)`, with a row per problem and a
column per optimizer, and of `scipy.stats.friedmanchisquare`.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.ranks import rank_over_problems

TABLE = [
    [0.763, 0.768, 0.771, 0.798],
    [0.599, 0.591, 0.590, 0.569],
    [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657],
    [0.882, 0.888, 0.886, 0.898],
    [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685],
    [0.583, 0.583, 0.563, 0.625],
    [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000],
    [0.940, 0.962, 0.965, 0.962],
    [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.975, 0.975],
    [0.957, 0.978, 0.946, 0.970],
]
NEMENYI = {"ab": 0.08867271, "ac": 0.97168647, "ad": 0.06168326, "bc": 0.22669689, "bd": 0.99888234, "cd": 0.17005164}
SMALL = [[3, 1, 2], [9, 7, 8], [4, 4, 1], [2, 5, 1], [6, 3, 2]]
SMALL_NEMENYI = {"ab": 0.4151135, "ac": 0.0992924, "bc": 0.70883751}


def by_name(table):
    return {name: list(column) for name, column in zip("abcdefghij", zip(*table, strict=True), strict=False)}


@pytest.fixture
def ranks():
    return rank_over_problems(by_name(TABLE))


def test_average_ranks_with_ties(ranks):
    expected = stats.rankdata(-np.array(TABLE), axis=1).mean(0)
    assert ranks.average == pytest.approx(dict(zip("abcd", expected, strict=True)))
    assert list(ranks.average) == ["d", "b", "c", "a"]
    assert ranks.wins == {"d": 7, "b": 5, "c": 2, "a": 3}


@pytest.mark.parametrize("table", [TABLE, SMALL])
def test_friedmans_test_equals_scipy(table):
    found = rank_over_problems(by_name(table))
    expected = stats.friedmanchisquare(*zip(*table, strict=True))
    assert (found.statistic, found.p) == pytest.approx((expected.statistic, expected.pvalue))


@pytest.mark.parametrize(("table", "p_values"), [(TABLE, NEMENYI), (SMALL, SMALL_NEMENYI)])
def test_critical_differences_equal_nemenyis_test_of_scikit_posthocs(table, p_values):
    for (first, second), p in p_values.items():
        found = rank_over_problems(by_name(table), level=1 - p)  # two optimizers with this p differ by exactly the critical one
        difference = abs(found.average[first] - found.average[second])
        assert found.critical_difference == pytest.approx(difference, abs=1e-6)


# the quantiles of table 5 (a) of Demšar, for a level of .95
@pytest.mark.parametrize(("optimizers", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_equals_the_published_table(optimizers, quantile):
    generator = np.random.default_rng(0)
    found = rank_over_problems(by_name(generator.random((14, optimizers))))
    assert found.critical_difference == pytest.approx(quantile * math.sqrt(optimizers * (optimizers + 1) / (6 * 14)), abs=5e-4)


def test_permutation_p_agrees_with_enumeration():
    # three problems that agree on the order of three optimizers: 6 of the 6^3 arrangements are as extreme
    found = rank_over_problems({"a": [3, 3, 3], "b": [2, 2, 2], "c": [1, 1, 1]})
    assert found.p_permutation == pytest.approx(6 / 216, abs=0.008)


def test_groups_join_optimizers_that_differ_by_less_than_the_critical_difference():
    rows = [[5.0, 4.0, 3.0, 2.0, 1.0]] * 12 + [[4.0, 5.0, 3.0, 1.0, 2.0]] * 8
    found = rank_over_problems(by_name(rows))
    assert found.critical_difference == pytest.approx(1.364, abs=1e-3)
    assert list(found.average.values()) == pytest.approx([1.4, 1.6, 3.0, 4.4, 4.6])
    assert found.groups == [["a", "b"], ["d", "e"]]


def test_a_missing_result_ranks_last_and_equal_scores_give_no_difference():
    found = rank_over_problems({"a": [-math.inf, 0.5], "b": [0.1, 0.4]})
    assert found.average == {"a": 1.5, "b": 1.5}
    equal = rank_over_problems({"a": [1, 1], "b": [1, 1]})
    assert (equal.statistic, equal.p, equal.p_permutation) == (0, 1, 1)
    assert equal.groups == [["a", "b"]]


def test_ranks_need_two_optimizers_and_two_problems():
    assert rank_over_problems({"a": [1, 2]}) is None
    assert rank_over_problems({"a": [1], "b": [2]}) is None


@pytest.mark.parametrize("scores", [{"a": [1, 2], "b": [1]}, {"a": [1, math.nan], "b": [1, 2]}])
def test_incomplete_scores_are_errors(scores):
    with pytest.raises(ValueError, match="score"):
        rank_over_problems(scores)
