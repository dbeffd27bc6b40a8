"""Fieller's interval, compared with its definition, scipy's t-test of first - r second."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from descentlab.studies.inference.bounds import bound_of
from descentlab.studies.inference.fieller import RatioOfMeans

ZEROS = [0.0, 0.0, 0.001, 0.0, 0.002]
B = [0.030, 0.031, 0.028, 0.033, 0.030]


def of(first, second):
    return RatioOfMeans.of(dict(enumerate(first)), dict(enumerate(second)), "a / b")


@pytest.mark.parametrize("second", [B, [2.0, -1.0, 3.0, 1.5, 2.5]])
def test_ends_of_fiellers_interval_are_ratios_that_a_t_test_just_rejects(second):
    for end in of(ZEROS, second).interval(0.8):
        assert stats.ttest_1samp(np.array(ZEROS) - end * np.array(second), 0).pvalue == pytest.approx(0.2)


def test_unpaired_arms_have_no_covariance():
    first, second = RatioOfMeans.of(dict(enumerate(ZEROS)), dict(enumerate(B, 9)), "a / b"), of(ZEROS, B)
    assert (first.is_paired, second.is_paired) == (False, True)
    assert first.value == second.value
    assert first.interval(0.9) != second.interval(0.9)


def test_zeros_in_all_seeds_decide_from_five_seeds_on():
    assert of([0.0] * 4, B[:4]).interval(0.95) is None
    assert of([0.0] * 5, B).interval(0.95) == pytest.approx((0, 0))
    assert of([0.0] * 4, B[:4]).needed(bound_of({"at_most": 0.0}), 0.95) == 5
