"""Bounds at their ends, and on scales."""

from __future__ import annotations

import math

import pytest

from descentlab.studies.inference.bounds import POSITIVE, bound_of
from descentlab.studies.inference.scales import FISHER, LOG


@pytest.mark.parametrize(
    ("settings", "holds", "fails"),
    [
        ({"at_most": 1}, [(0, 1), (-math.inf, 1)], [(1.1, 2)]),
        ({"at_least": 1}, [(1, 2), (1, math.inf)], [(0, 0.9)]),
        ({"within": [1, 2]}, [(1, 2), (1.5, 1.5)], [(0, 0.9), (2.1, 3)]),
    ],
)
def test_intervals_are_inside_outside_or_neither(settings, holds, fails):
    bound = bound_of(settings)
    for interval in holds:
        assert bound.holds(*interval)
        assert not bound.fails(*interval)
    for interval in fails:
        assert bound.fails(*interval)
        assert not bound.holds(*interval)
    assert not bound.holds(0.5, 2.5)
    assert not bound.fails(0.5, 2.5)


def test_a_strict_bound_excludes_its_end():
    assert not POSITIVE.holds(0, 1)
    assert POSITIVE.fails(-1, 0)
    assert POSITIVE.holds(1e-9, 1)


def test_bounds_on_scales():
    bound = LOG.bound(bound_of({"within": [0.5, 2]}))
    assert (bound.low, bound.high) == pytest.approx((-math.log(2), math.log(2)))
    assert LOG.bound(bound_of({"at_least": -1})).low == -math.inf  # no positive value violates it
    assert FISHER.bound(bound_of({"at_most": 0.5})).high == math.atanh(0.5)


def test_slack_and_nearest_end():
    bound = bound_of({"within": [1, 3]})
    assert (bound.slack(2.5), bound.slack(4), bound.slack(math.nan)) == (0.5, -1, -math.inf)
    assert (bound.nearest_end(2.5), bound.nearest_end(0)) == (3, 1)
