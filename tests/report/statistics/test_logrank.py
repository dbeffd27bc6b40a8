"""The logrank test, compared with a recorded value of lifelines 0.30.3 (`logrank_test`) and with exact enumeration."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from descentlab.report.statistics.logrank import logrank
from descentlab.report.statistics.survival import Times

FIRST = Times([120, 150, 150, 310, 420], [200, 500, 500])
SECOND = Times([90, 110, 140, 160, 240, 330], [300, 500])


def p_normal(found):
    """Return the two-sided p of the statistic by the normal approximation."""
    return 2 * norm.sf(abs(found.statistic))


def test_statistic_equals_lifelines():
    found = logrank(FIRST, SECOND)
    assert (found.statistic**2, p_normal(found)) == pytest.approx((0.681032365697461, 0.40923145926972393))
    assert found.statistic < 0  # the first group is slower
    assert logrank(SECOND, FIRST).statistic == pytest.approx(-found.statistic)


def test_permutation_p_of_separated_groups_is_the_smallest_attainable():
    found = logrank(Times([1, 2, 3, 4, 5]), Times([], [6] * 5))
    assert found.p_permutation == found.p_attainable == 2 / 252
    assert p_normal(found) < found.p_attainable


def test_permutation_p_agrees_with_the_normal_approximation_for_many_runs():
    generator = np.random.default_rng(1)
    first, second = generator.exponential(1, 60), generator.exponential(1.5, 60)
    found = logrank(Times(first[first < 2], [2.0] * sum(first >= 2)), Times(second[second < 2], [2.0] * sum(second >= 2)))
    assert found.p_permutation == pytest.approx(p_normal(found), abs=0.02)
    assert found.p_attainable == 1 / 5001


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Times([], [3, 3]), Times([], [4])),
        (Times([3, 3]), Times([3])),
        (Times([]), Times([3])),
    ],
)
def test_the_test_is_undefined_without_distinct_times(first, second):
    assert logrank(first, second) is None
