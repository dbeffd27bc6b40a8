"""Correction for several comparisons."""

from __future__ import annotations

import math

import pytest

from descentlab.report.statistics.multiple import holm


def test_adjusted_p_values_equal_those_of_statsmodels():
    # statsmodels 0.14: multipletests(p, method="holm")[1]
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
