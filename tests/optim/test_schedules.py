"""Multipliers, by hand."""

import math

import pytest

from descentlab.optim.schedules import Constant, Cosine, Step, in_steps


def values(schedule, total, steps=None):
    return [schedule(step, total) for step in range(steps or total)]


def test_constant():
    assert values(Constant(), 5) == [1.0] * 5
    assert values(Constant(), None, steps=3) == [1.0] * 3


def test_warm_up_rises_in_equal_parts_to_the_first_value():
    assert values(Constant(warmup=4), 7) == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0])
    assert values(Constant(warmup=2), None, steps=4) == pytest.approx([1 / 3, 2 / 3, 1.0, 1.0])


def test_warm_up_as_a_fraction_of_the_run():
    assert values(Constant(warmup=0.2), 10) == values(Constant(warmup=2), 10)


def test_milestones_in_steps():
    assert values(Step(milestones=[2, 4], gamma=0.5), 6) == [1, 1, 0.5, 0.5, 0.25, 0.25]
    assert values(Step(milestones=[2], gamma=0.1), None, steps=3) == pytest.approx([1, 1, 0.1])


def test_milestones_as_fractions():
    assert values(Step(milestones=[0.5, 0.75], gamma=0.1), 8) == pytest.approx([1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01])


def test_milestones_count_from_the_end_of_the_warm_up():
    assert values(Step(milestones=[0.5], gamma=0.1, warmup=2), 6) == pytest.approx([1 / 3, 2 / 3, 1, 1, 0.1, 0.1])
    assert values(Step(milestones=[2], gamma=0.1, warmup=2), 6) == pytest.approx([1 / 3, 2 / 3, 1, 1, 0.1, 0.1])


def test_cosine_by_hand():
    half = math.sqrt(0.5)
    assert values(Cosine(), 4) == pytest.approx([1, (1 + half) / 2, 0.5, (1 - half) / 2])


def test_cosine_begins_at_one_and_ends_at_final():
    schedule = Cosine(final=0.1)
    assert schedule(0, 1000) == 1.0
    assert schedule(500, 1000) == pytest.approx(0.55)
    assert schedule(999, 1000) == pytest.approx(0.1, abs=1e-5)
    assert schedule(1000, 1000) == schedule(2000, 1000) == pytest.approx(0.1)


def test_cosine_spans_what_the_warm_up_leaves():
    found = values(Cosine(warmup=2), 6)
    assert found == pytest.approx([1 / 3, 2 / 3, *values(Cosine(), 4)])


@pytest.mark.parametrize("schedule", [Constant, Step, Cosine])
@pytest.mark.parametrize("total", [1, 5, 10])
def test_a_warm_up_longer_than_the_run_only_rises(schedule, total):
    assert values(schedule(warmup=10), total) == pytest.approx([(step + 1) / 11 for step in range(total)])


@pytest.mark.parametrize("schedule", [Cosine(), Step(milestones=[0.5]), Constant(warmup=0.1)])
def test_an_unknown_total_is_refused_where_it_matters(schedule):
    with pytest.raises(ValueError, match=r"budget\.steps"):
        schedule(0, None)


@pytest.mark.parametrize(
    ("amount", "total", "steps"),
    [(0, 10, 0), (0.25, 10, 2), (0.5, 10, 5), (1, 10, 1), (7, 10, 7), (7.0, None, 7), (0, None, 0)],
)
def test_amounts_below_one_are_fractions(amount, total, steps):
    assert in_steps(amount, total) == steps
