"""Times to the target of runs that diverged, stopped early or have other budgets."""

from __future__ import annotations

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.statement import statement
from descentlab.report.times import planned_end
from descentlab.store.record import Record, Status

BUDGET = {"epochs": 10, "steps": None, "examples": None, "seconds": None}  # of 32 steps each


@pytest.fixture
def make_timed(make_run):
    """Write a run with a planned budget of 320 steps, or another `budget`, that ended after `steps` of them."""

    def make(optimizer, seed, reached, steps=320, diverged=False, budget=None, **how):
        config = {"budget": BUDGET | (budget or {}), "batch_size": 32, "validate_every": None}
        summary = {"steps": steps, "steps_to_target": reached, "train_seconds": steps / 100, "gradient_evaluations": 2 * steps}
        summary |= {"diverged_step": steps} if diverged else {}
        status = Status.DIVERGED if diverged else Status.COMPLETED
        record: Record = make_run(optimizer, seed=seed, config=config, summary=summary, status=status, **how)
        record.data = {"rows": {"train": 1000}}
        record.write(record.folder)
        return record

    return make


@pytest.fixture
def answer(tmp_path):
    return lambda by="steps_to_target", **how: compare(load([tmp_path / "sweep"]), by=by, **how)[0]


def test_a_diverged_run_is_censored_at_its_planned_budget(make_timed):
    run = make_timed("adam", 0, None, steps=40, diverged=True)
    assert planned_end(run, "steps") == 320
    assert planned_end(run, "gradient_evaluations") == 640
    assert planned_end(run, "train_seconds") == pytest.approx(3.2)


@pytest.mark.parametrize(
    ("budget", "steps"),
    [
        ({"steps": 200}, 200),  # of several bounds the first reached applies
        ({"epochs": None, "examples": 1500}, 48),
        ({"seconds": 2.0}, 200),  # at 100 steps a second
        ({"epochs": None, "seconds": 1.0}, 100),
    ],
)
def test_the_planned_end_follows_every_bound_of_the_budget(make_timed, budget, steps):
    assert planned_end(make_timed("adam", 0, None, steps=40, diverged=True, budget=budget), "steps") == pytest.approx(steps)


def test_a_record_without_a_budget_has_no_planned_end(make_run):
    assert planned_end(make_run(summary={"steps": 40}), "steps") is None


def test_a_run_that_diverged_at_its_first_step_has_a_planned_number_of_steps_only(make_timed):
    run = make_timed("adam", 0, None, steps=0, diverged=True)
    assert (planned_end(run, "steps"), planned_end(run, "train_seconds")) == (320, None)


def test_an_entry_whose_runs_all_diverged_does_not_shorten_the_horizon(make_timed, answer):
    for seed in range(3):
        make_timed("adam", seed, [100, 150, None][seed])
        make_timed("sgd", seed, None, steps=12, diverged=True)
    found = answer()
    assert [entry.name for entry in found.entries] == ["adam", "sgd"]
    assert found.best.survival.horizon == 320
    assert found.best.estimate.mean == pytest.approx((100 + 150 + 320) / 3)
    assert statement(found).startswith("adam reaches the target 0.95 in 2 of 3 runs, after 190 ")
    assert "No run" not in statement(found)


def test_a_run_that_stopped_early_is_censored_at_its_planned_budget(make_timed, answer):
    for seed in range(3):
        make_timed("adam", seed, [100, 150, None][seed], steps=[320, 320, 90][seed])
    assert answer().best.estimate.mean == pytest.approx((100 + 150 + 320) / 3)


def test_a_short_budget_that_misses_the_target_does_not_hide_that_others_reach_it(make_timed, answer):
    for seed in range(3):
        make_timed("short", seed, None, steps=60, budget={"steps": 60, "epochs": None})
        make_timed("long", seed, 200 + seed)
    found = answer()
    long, short = found.entries
    assert (long.series.optimizer, long.estimate.mean, short.estimate) == ("long", 201, None)
    assert "reaches the target 0.95 in 3 of 3 runs, after 201 " in statement(found)


def test_no_run_reached_the_target_only_if_no_run_of_any_entry_did(make_timed, answer):
    for seed in range(2):
        make_timed("adam", seed, None)
        make_timed("sgd", seed, None, steps=12, diverged=True)
    assert statement(answer()).startswith("No run of adam and sgd reached the target 0.95;")


def test_a_run_that_reached_the_target_and_diverged_later_has_reached_it(make_timed, answer):
    for seed in range(5):
        make_timed("adam", seed, 100 + seed, diverged=seed == 4, steps=200 if seed == 4 else 320)
        make_timed("sgd", seed, 110 + seed + seed % 2)
    found = answer()
    assert (found.best.name, found.best.estimate.mean, found.best.estimate.n) == ("adam", 102, 5)
    assert (found.best.survival.reached, found.best.survival.n) == (5, 5)
    assert (found.headline.difference.n, found.headline.logrank) == (5, None)


def test_an_entry_whose_runs_all_reached_the_target_and_then_diverged_has_a_value(make_timed, answer):
    for seed in range(2):
        make_timed("adam", seed, 100 + seed, steps=150, diverged=True)
    assert statement(answer()).startswith("adam reaches the target 0.95 in 2 of 2 runs, after 10")


def test_seconds_of_a_diverged_run_are_extrapolated_to_its_budget(make_run, make_timed, answer):
    for seed in range(2):
        make_timed("adam", seed, None, steps=32, diverged=True)
    make_timed("adam", 2, None)
    curve = answer(by="seconds_to_target").best.survival
    assert (curve.reached, curve.horizon) == (0, pytest.approx(3.2))
