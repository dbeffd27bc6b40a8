"""Aggregates over problems, compared with rliable's formulas.

The limits are recorded from rliable's stratified bootstrap: `arch.bootstrap.IIDBootstrap` (arch 8.0.0) with the runs of each
problem resampled separately, 50,000 resamples, percentiles 2.5 and 97.5. The values are scipy's.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.normalised import aggregate, improvement, normalise

SCORES = [  # a row per problem
    [0.809, 0.908, 0.715, 0.492, 0.642, 0.755],
    [0.866, 0.743, 0.916, 0.777, 0.987, 0.634],
    [0.603, 0.555, 0.226, 0.767, 0.302, 0.376],
    [0.878, 0.997, 1.075, 0.944, 0.757, 0.826],
]
LIMITS = {"iqm": (0.70408, 0.82333), "mean": (0.67621, 0.78700), "median": (0.69950, 0.83575)}


def test_values_equal_rliables_formulas():
    means = np.mean(SCORES, axis=1)
    assert aggregate(SCORES, "iqm").value == pytest.approx(stats.trim_mean(SCORES, 0.25, axis=None))
    assert aggregate(SCORES, "mean").value == pytest.approx(np.mean(means))
    assert aggregate(SCORES, "median").value == pytest.approx(np.median(means))


@pytest.mark.parametrize("statistic", LIMITS)
def test_limits_equal_rliables_bootstrap_within_its_error(statistic):
    found = aggregate(SCORES, statistic)
    assert (found.low, found.high) == pytest.approx(LIMITS[statistic], abs=0.006)
    assert (found.problems, found.runs) == (4, 24)


def test_probability_of_improvement_is_the_mean_mann_whitney_statistic():
    other = [[0.9 * score + 0.05 for score in reversed(runs)] for runs in SCORES]
    tests = [stats.mannwhitneyu(*pair).statistic / 36 for pair in zip(SCORES, other, strict=True)]
    found = improvement(SCORES, other)
    assert found.value == pytest.approx(np.mean(tests))
    assert found.low < found.value < found.high
    assert improvement(SCORES, SCORES).value == 0.5


def test_problems_may_have_different_numbers_of_runs():
    found = aggregate([[0.1, 0.2, 0.3], [0.9]])
    assert (found.value, found.problems, found.runs) == (pytest.approx(0.25), 2, 4)
    assert improvement([[1, 2], [5]], [[0], [6, 4]]).value == 0.75


def test_a_run_without_a_result_is_trimmed_from_the_interquartile_mean():
    found = aggregate([[0.5, 0.6, 0.7, -math.inf]])
    assert found.value == pytest.approx(0.55)
    assert found.low == -math.inf


def test_scores_are_normalised_in_both_directions():
    assert normalise([0.5, 0.9], 0.5, 0.9) == [0, 1]
    assert normalise([2.0, 0.5], 2.0, 0.5) == [0, 1]


@pytest.mark.parametrize(("zero", "one"), [(1.0, 1.0), (0.0, math.inf)])
def test_a_scale_without_a_range_is_an_error(zero, one):
    with pytest.raises(ValueError, match="cannot be normalised"):
        normalise([1.0], zero, one)


@pytest.mark.parametrize("scores", [[], [[]], [[math.nan]]])
def test_incomplete_scores_are_errors(scores):
    with pytest.raises(ValueError, match=r"every problem needs a run|a score is nan"):
        aggregate(scores)
