"""Probability of improvement."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from descentlab.report.statistics.improvement import probability_of_improvement
from descentlab.report.statistics.paired import paired


def test_improvement_over_all_pairs_equals_rliables_formula():
    first, second = np.array([0.9, 0.8, 0.8, 0.7]), np.array([0.8, 0.75, 0.7])
    # rliable.metrics.probability_of_improvement, for one task: U / (n m)
    assert probability_of_improvement(first, second) == pytest.approx(stats.mannwhitneyu(first, second).statistic / 12)
    assert probability_of_improvement(second, first) == pytest.approx(1 - probability_of_improvement(first, second))
    assert probability_of_improvement(first, first) == 0.5


def test_pairs_have_the_fraction_of_wins_and_ties_count_half():
    found = paired({0: 0.9, 1: 0.8, 2: 0.7, 3: 0.6}, {0: 0.8, 1: 0.8, 2: 0.75, 3: 0.5}, "max")
    assert found is not None
    assert found.improvement == 2.5 / 4
