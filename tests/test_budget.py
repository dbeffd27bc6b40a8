"""Conversion of a budget to steps."""

import pytest

from descentlab.budget import Plan

NOTHING = {"epochs": None, "steps": None, "examples": None, "seconds": None}


def plan(rows=100, size: int | str = 32, validate_every=None, drop_last=False, **budget) -> Plan:
    return Plan.of(rows, size, NOTHING | budget, validate_every, drop_last)


@pytest.mark.parametrize(
    ("budget", "total"),
    [
        ({"steps": 7}, 7),
        ({"epochs": 2}, 8),
        ({"epochs": 0.5}, 2),
        ({"epochs": 0.01}, 1),
        ({"epochs": 1e-9}, 1),  # a run without steps would never end
        ({"examples": 100}, 4),
        ({"examples": 250}, 10),
        ({"steps": 7, "epochs": 1}, 4),
        ({"steps": 3, "epochs": 1, "examples": 1000}, 3),
        ({"seconds": 1.5}, None),
        ({"seconds": 1.5, "steps": 9}, 9),
    ],
)
def test_first_bound_reached_applies(budget, total):
    assert plan(**budget).total == total


@pytest.mark.parametrize("rows", [96, 97, 100, 127])
@pytest.mark.parametrize("examples", [1, 31, 32, 33, 96, 97, 100, 101, 128, 200, 232, 1000])
def test_budget_of_examples_ends_at_the_first_step_that_reaches_it(rows, examples):
    made = plan(rows, examples=examples)
    assert made.examples(made.total) >= examples > made.examples(made.total - 1)


@pytest.mark.parametrize(
    ("budget", "total"), [({"epochs": 1.1}, 110), ({"epochs": 0.07}, 7), ({"examples": 70}, 7), ({"examples": 290}, 29)]
)
def test_rounding_does_not_add_a_step(budget, total):
    assert plan(rows=1000, size=10, **budget).total == total


def test_seconds_are_kept():
    assert plan(seconds=1.5).seconds == 1.5
    assert plan(steps=3).seconds is None


def test_full_batch_is_one_step_per_epoch():
    made = plan(size="full", epochs=3)
    assert (made.batch_size, made.steps_per_epoch, made.total, made.validate_every) == (100, 1, 3, 1)


def test_dropped_last_batch_does_not_count():
    made = plan(drop_last=True, epochs=2)
    assert (made.rows, made.steps_per_epoch, made.total) == (96, 3, 6)
    assert plan(drop_last=True, examples=96).total == 3


@pytest.mark.parametrize("drop_last", [False, True])
def test_examples_are_summed_over_batches(drop_last):
    sizes = [32, 32, 32] if drop_last else [32, 32, 32, 4]
    made = plan(drop_last=drop_last, epochs=3)
    for step in range(made.total + 1):
        assert made.examples(step) == sum((sizes * 3)[:step])


def test_validation_is_every_epoch_by_default():
    assert plan(epochs=3).validate_every == 4
    assert plan(epochs=3, validate_every=7).validate_every == 7


def test_the_last_validation_is_at_the_end():
    made = plan(steps=10, validate_every=4)
    assert [made.next_validation(step) for step in range(10)] == [4, 4, 4, 4, 8, 8, 8, 8, 10, 10]
    assert plan(seconds=1.0, validate_every=4).next_validation(8) == 12


def test_run_is_done_at_the_total_and_never_without_one():
    assert [plan(steps=3).done(step) for step in (2, 3, 4)] == [False, True, True]
    assert not plan(seconds=1.0).done(10**9)


@pytest.mark.parametrize(("rows", "size"), [(10, 11), (1, 2)])
def test_batch_larger_than_the_training_set_is_refused(rows, size):
    with pytest.raises(ValueError, match=f"batch_size={size}.*{rows} training examples.*full"):
        plan(rows, size, steps=1)
