"""The points that samplers propose."""

from __future__ import annotations

import pytest

from descentlab.config.search import Choices, Interval
from descentlab.errors import UsageError
from descentlab.tuning.samplers import make_sampler

RANGES = [Interval(1e-5, 0.1), Choices((1, 2, 3)), Interval(0.8, 0.99, log=False)]
SCORES = [0.1, 0.5, None, 0.3, 0.9, 0.2, None, 0.4] * 4


@pytest.mark.parametrize("name", ["sobol", "halton", "random", "tpe"])
def test_more_points_extend_the_first_ones(name):
    few = make_sampler(name, RANGES, 5, 3).propose(5, SCORES)
    many = make_sampler(name, RANGES, 21, 3).propose(21, SCORES)
    assert len(few) == 5
    assert [list(unit) for unit in many[:5]] == [list(unit) for unit in few]
    assert len({tuple(unit) for unit in many}) == 21
    assert all(0 <= position <= 1 for unit in many for position in unit)


@pytest.mark.parametrize("name", ["sobol", "halton", "random", "tpe"])
def test_points_depend_on_the_seed(name):
    assert list(make_sampler(name, RANGES, 4, 0).propose(4, [])) != list(make_sampler(name, RANGES, 4, 1).propose(4, []))


@pytest.mark.parametrize("name", ["sobol", "halton", "random"])
def test_arms_of_equal_dimension_get_equal_positions(name):
    other = [Interval(1, 10), Interval(0, 1, log=False), Choices(("a", "b"))]
    assert make_sampler(name, RANGES, 8, 0).propose(8, []) == make_sampler(name, other, 8, 0).propose(8, [])


def test_tpe_proposes_rounds_of_four_that_depend_on_earlier_scores():
    sampler = make_sampler("tpe", RANGES, 100, 0)
    assert [len(sampler.propose(100, SCORES[:told])) for told in (0, 1, 3, 4, 7, 8)] == [4, 4, 4, 8, 8, 12]
    whole = make_sampler("tpe", RANGES, 100, 0).propose(100, SCORES[:28])
    reversed_ = make_sampler("tpe", RANGES, 100, 0).propose(100, SCORES[:28][::-1])
    assert len(whole) == 32
    assert whole[:4] == reversed_[:4]
    assert whole[-4:] != reversed_[-4:]


def test_the_first_twelve_points_of_tpe_do_not_depend_on_scores():
    points = [make_sampler("tpe", RANGES, 100, 0).propose(16, scores) for scores in (SCORES[:12], SCORES[11::-1])]
    assert points[0][:12] == points[1][:12]
    assert all(one != other for one, other in zip(points[0][12:], points[1][12:], strict=True))


def test_sobol_points_of_one_range_fall_into_each_sixteenth():
    units = make_sampler("sobol", [Interval(1e-5, 0.1)], 16, 0).propose(16, [])
    assert sorted(int(position * 16) for (position,) in units) == list(range(16))


def test_a_grid_is_equally_spaced_on_the_scale_of_each_range():
    only = Interval(1e-4, 1.0)
    points = [only.at(position) for (position,) in make_sampler("grid", [only], 5, 0).propose(5, [])]
    assert points == [1e-4, 1e-3, 1e-2, 0.1, 1.0]
    sampler = make_sampler("grid", RANGES, 13, 0)
    assert sampler.size == 12
    levels = [sorted({unit[axis] for unit in sampler.propose(12, [])}) for axis in range(3)]
    assert levels == [[0, 1], [1 / 6, 0.5, 5 / 6], [0, 1]]
    assert make_sampler("grid", [only], 1, 0).propose(1, []) == [(0.5,)]


def test_a_grid_of_several_ranges_with_one_level_each_is_refused():
    with pytest.raises(UsageError, match="3 ranges need at least trials=8, two levels of each"):
        make_sampler("grid", [Interval(0.1, 1)] * 3, 7, 0)


def test_a_grid_with_more_choices_than_trials_is_refused():
    with pytest.raises(UsageError, match="the choices have 9 combinations, more than trials=8"):
        make_sampler("grid", [Choices((1, 2, 3)), Choices((1, 2, 3))], 8, 0)
