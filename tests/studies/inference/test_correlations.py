"""Spearman's correlation, compared with scipy's, and Fisher's transformation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from descentlab.studies.inference.correlations import fisher, spearman


def test_spearman_is_scipys_also_with_ties():
    x, y = np.array([1.0, 2, 2, 3, 5, 5, 7]), np.array([2.0, 1, 4, 4, 4, 9, 8])
    assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert spearman(x, np.ones(7)) is None


def test_a_perfect_correlation_loses_half_a_step():
    """With two neighbours of 10 exchanged, Spearman's correlation is 1 - 12 / 990."""
    x = np.arange(10.0)
    exchanged = np.array([1.0, 0, 2, 3, 4, 5, 6, 7, 8, 9])
    assert spearman(x, exchanged) == pytest.approx(1 - 12 / 990)
    assert fisher(1.0, 10) == pytest.approx(math.atanh(1 - 6 / 990))
    assert fisher(-1.0, 10) == -fisher(1.0, 10)
    assert fisher(0.5, 10) == math.atanh(0.5)
