"""Statistics equal those of statsmodels 0.15.0, recorded by calling the functions that each test names on the same numbers."""

from __future__ import annotations

import numpy as np
import pytest

from descentlab.report.statistics.equivalence import equivalence_p, needed_pairs, power
from descentlab.report.statistics.multiple import holm
from descentlab.report.statistics.paired import paired, unpaired

FIRST = dict(enumerate([0.98, 0.975, 0.981, 0.977, 0.983]))
SECOND = dict(enumerate([0.977, 0.974, 0.9785, 0.9752, 0.9806]))


def test_multipletests():
    # multipletests(p, method="holm")[1]
    assert holm([0.01, 0.04, 0.03, 0.005, 0.2, 0.03]) == pytest.approx([0.05, 0.12, 0.12, 0.03, 0.2, 0.12])


def test_tconfint_mean_and_ttost_paired():
    # DescrStatsW(first - second).tconfint_mean(.05); ttost_paired(first, second, -.003, .003)[0]
    found = paired(FIRST, SECOND, "max")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.0011878776670784436, 0.0030921223329215294))
    assert equivalence_p(found, 0.003) == pytest.approx(0.03310593538692432)


def test_tconfint_diff_and_ttost_ind():
    # CompareMeans(DescrStatsW(first), DescrStatsW(second)).tconfint_diff(usevar="unequal")
    # ttost_ind(first, second, -.003, .003, usevar="unequal"): its p-value and degrees of freedom
    found = unpaired(FIRST, SECOND, "max")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((-0.0021479353273784352, 0.006427935327378275))
    assert (equivalence_p(found, 0.003), found.degrees) == pytest.approx((0.3271874543194935, 7.7042747332328165))


@pytest.mark.parametrize(
    ("effect", "n", "groups", "expected"),
    [
        (2**-0.5, 5, 1, 0.23134396424258316),
        (1.0, 5, 1, 0.4013899173717948),
        (0.28**-0.5, 5, 1, 0.8778701452861056),
        (0.5, 30, 1, 0.75396471574379),
        (1.0, 5, 2, 0.28629549338059757),
        (0.5, 30, 2, 0.4778965207601643),
    ],
)
def test_power(effect, n, groups, expected):
    # TTestPower().power(effect, n, .05), and TTestIndPower() for two groups, whose effect is in the sd of one group
    assert power(effect, np.sqrt(groups), n, groups=groups) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("effect", "groups", "expected"),
    [(0.2, 1, 198.150820955562), (0.5, 1, 33.36713118431779), (1.0, 1, 9.93785094105438), (0.5, 2, 63.76561058891169)],
)
def test_solve_power(effect, groups, expected):
    # TTestPower().solve_power(effect, power=.8, alpha=.05), and TTestIndPower() for two groups
    assert needed_pairs(np.sqrt(groups), effect, groups=groups) == np.ceil(expected)
