"""Quantities of grids of runs: best values, lowest values, the critical batch size."""

from __future__ import annotations

import math

import pytest
from support.study_runs import ended_run

from descentlab.errors import UsageError
from descentlab.studies.measuring.measure import measure

STEPS = {"of": "train/loss", "falls_to": 1.0}


@pytest.fixture
def run(tmp_path):
    return lambda **settings: ended_run(tmp_path, **settings)


@pytest.fixture
def reaching(run):
    """Return a run with a batch size and a learning rate that reaches a loss of 1 after a number of steps, or never."""

    def make(batch, steps, lr=1.0, arm="small"):
        loss = [2.0] * 10 if steps is None else [2.0] * (steps // 10) + [1.0]
        over = {"batch_size": batch, "optimizer.lr": lr}
        return run(arm=arm, over=over, curves={"train/loss": loss}, config={"batch_size": batch})

    return make


def test_the_best_value_of_a_key_is_the_minimum_of_a_parabola_at_each_x(run):
    def at(steps, lr, loss):
        return run(over={"budget.steps": steps, "optimizer.lr": lr}, test={"loss": loss})

    grid = [at(8, 1.0, math.e), at(8, 2.0, 1.0), at(8, 4.0, math.e), at(9, 1.0, 1.0), at(9, 2.0, 2.0)]
    found = measure({"kind": "best_value", "of": "test/loss", "key": "optimizer.lr"}, [*grid, run(arm="b")])
    assert found.rows() == [("a", 8.0, 0, 2.0), ("a", 9.0, 0, 1.0)]
    alone = [run(over={"optimizer.lr": lr}, test={"loss": loss}) for lr, loss in ((1.0, 3.0), (2.0, 1.0))]
    assert measure({"kind": "best_value", "of": "test/loss", "key": "optimizer.lr"}, alone).rows() == [("a", None, 0, 2.0)]


def test_the_best_value_may_be_that_of_a_quantity_of_a_run(reaching):
    runs = [reaching(1, 50, lr=0.5), reaching(1, 30, lr=1.0), reaching(1, None, lr=2.0)]
    assert measure({"kind": "best_value", "of": STEPS, "key": "optimizer.lr"}, runs).rows() == [("small", 1.0, 0, 1.0)]


def test_the_lowest_value_is_that_over_the_key_at_each_x(reaching):
    runs = [reaching(1, 50, lr=0.5), reaching(1, 30), reaching(4, None, lr=0.5), reaching(4, 20), reaching(16, None)]
    found = measure({"kind": "lowest_value", "of": STEPS, "key": "optimizer.lr"}, runs)
    assert found.rows() == [("small", 1.0, 0, 30.0), ("small", 4.0, 0, 20.0), ("small", 16.0, 0, None)]


def test_the_critical_batch_size_is_the_fewest_examples_over_the_fewest_steps(reaching):
    small = [reaching(1, 400, lr=0.5), reaching(1, 320), reaching(4, 80), reaching(4, None, lr=2.0)]
    large = [reaching(64, 30, arm="large"), reaching(256, 20, arm="large")]
    quantity = {"kind": "critical_batch", "of": STEPS}
    apart = measure(quantity, [*small, *large])
    assert apart.rows() == [("small", None, 0, 320 / 80), ("large", None, 0, 64 * 30 / 20)]
    both = measure({**quantity, "join": [["small", "large"]]}, [*small, *large])
    assert both.rows() == [("small", None, 0, 320 / 20)]


def test_arms_with_other_budgets_may_be_joined_to_one(reaching):
    runs = [reaching(1, 50), reaching(4, 20), reaching(16, 10, arm="large"), reaching(16, 30, arm="other")]
    found = measure({"kind": "lowest_value", "of": STEPS, "key": "optimizer.lr", "join": [["small", "large"]]}, runs)
    assert found.rows() == [
        ("small", 1.0, 0, 50.0),
        ("small", 4.0, 0, 20.0),
        ("small", 16.0, 0, 10.0),
        ("other", 16.0, 0, 30.0),
    ]
    best = measure({"kind": "best_value", "of": STEPS, "key": "optimizer.lr", "join": [["small", "large"]]}, runs)
    assert best["arm"].to_list() == ["small", "small", "small", "other"]


def test_without_a_run_that_reaches_the_target_there_is_no_critical_batch_size(reaching):
    assert measure({"kind": "critical_batch", "of": STEPS}, [reaching(1, None)])["value"].to_list() == [None]


def test_mistakes_about_the_critical_batch_size_are_reported(reaching):
    with pytest.raises(UsageError, match="no runs of the arm large"):
        measure({"kind": "critical_batch", "of": STEPS, "join": [["small", "large"]]}, [reaching(1, 10)])
    with pytest.raises(UsageError, match="batch size of small-0-1 is full"):
        measure({"kind": "critical_batch", "of": STEPS}, [reaching("full", 10)])
