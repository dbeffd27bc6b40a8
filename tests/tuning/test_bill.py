"""The table of the cost of a tuning sweep."""

from __future__ import annotations

import pytest

from descentlab.launchers import preflight
from descentlab.launchers.preflight import StepCost
from descentlab.sweeps.source import Intake
from descentlab.tuning.bill import ArmCost, RunCost, arm_costs, planned_trials
from descentlab.tuning.bill_table import bill_lines
from descentlab.tuning.settings import Settings

ADAM = ArmCost("adam", "digits_mlp", 16, 26, 4, 30420, 31.4, False, 960_000)
SGD = ArmCost("sgd batch_size=1", "digits_mlp", 16, 26, 0, None, 7300.0, True, 2_500_000_000)


def test_a_row_for_each_arm_and_their_sum():
    lines = list(bill_lines([ADAM, ADAM]))
    assert lines[0].split() == ["arm", "trials", "runs", "reused", "steps", "training", "disk"]
    assert lines[1] == "digits_mlp: adam      16    26       4  30,420       31 s  0.96 MB"
    assert lines[3].split() == ["in", "all", "32", "52", "8", "60,840", "1", "min", "3", "s", "1.9", "MB"]
    assert lines[-1].endswith("steps of each arm were timed on this machine.")


def test_unknown_numbers_and_the_source_of_known_ones():
    lines = list(bill_lines([ADAM, SGD]))
    assert lines[2].split() == [
        "digits_mlp:",
        "sgd",
        "batch_size=1",
        *["16", "26", "0", "?", "2", "h", "1", "min", "2.5", "GB"],
    ]
    assert lines[3].split() == ["in", "all", "32", "52", "4", "?", "2", "h", "2", "min", "2.5", "GB"]
    assert "from earlier runs, and steps of each arm were timed" in lines[-1]
    assert "from earlier runs of each arm" in list(bill_lines([SGD]))[-1]


def test_the_number_of_trials_under_limits_of_cost():
    def number(cost, **limits):
        settings = Settings(16, 5, 2, "sobol", 0, None, limits.get("max_steps"), limits.get("max_seconds"))
        return planned_trials(settings, [[cost, cost]] * 16)

    cost = RunCost(100, 2.0)
    assert number(cost) == 16
    assert number(cost, max_steps=1000) == 5
    assert number(cost, max_seconds=21) == 6
    assert number(cost, max_steps=1) == 4
    assert number(RunCost(None, None), max_steps=1) == 16


def bill_of(tune, *words: str) -> list[ArmCost]:
    """Return the bill that a dry run of a tuning command prints."""
    tuner, _ = tune.tuner(*words)
    intake = Intake(tuner)
    intake.next()
    return arm_costs(tuner, intake.decisions)


def spent(tuned) -> tuple[int, int]:
    """Return the number of runs of a finished command and their steps."""
    return len(tuned.records), sum(record.summary["steps"] for record in tuned.records)


@pytest.mark.parametrize("limit", ["max_steps=500", "max_seconds=5"])
def test_limits_of_cost_hold_for_trials_whose_points_are_unknown(tune, monkeypatch, limit):
    monkeypatch.setattr(preflight, "measure_steps", lambda server, asked: [StepCost(90, 0.01) for _ in asked])
    (planned,) = bill_of(tune, "trials=16", "seeds=1", "sampler=tpe", limit)
    assert (planned.trials, planned.runs, planned.steps) == (6, 8, 8 * 90)


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("~search.lr", "+search.lr={choices:[0.01,0.1]}", "trials=8"),
        ("~search.lr", "+search.lr={choices:[0.01,0.03,0.1]}", "trials=9", "tuning_seeds=2", "halving=3"),
        ("~search.lr", "+search.lr={choices:[0.01,0.1]}", "trials=12", "max_steps=500"),
        ("~search.lr", "+search.lr={choices:[0.001]}", "trials=4"),
        ("trials=8", "sampler=tpe"),
        ("trials=12", "max_steps=500"),
        ("trials=12", "max_steps=500", "sampler=tpe"),
        ("trials=8", "halving=2"),
    ],
    ids=" ".join,
)
def test_the_bill_is_that_of_the_sweep(tune, words):
    (planned,) = bill_of(tune, "seeds=2", *words)
    runs, steps = spent(tune("seeds=2", *words))
    assert planned.runs == pytest.approx(runs, rel=0.1)
    assert planned.steps == pytest.approx(steps, rel=0.1)
    (again,) = bill_of(tune, "seeds=2", *words)
    assert (again.runs, again.steps, again.reused) == (runs, steps, runs)


@pytest.mark.slow
def test_the_bill_counts_the_steps_of_tuned_batch_sizes(tune):
    words = (
        "~search.lr",
        "+search.batch_size={choices:[16,256]}",
        "trials=8",
        "seeds=1",
        "budget.steps=null",
        "budget.epochs=2",
    )
    (planned,) = bill_of(tune, *words)
    assert planned.runs == 4
    assert planned.steps == 154 + 10 + 82 + 78  # two trials, the mean of both for the report, the default


@pytest.mark.slow
def test_only_arms_without_earlier_runs_are_timed(tune, monkeypatch):
    requests = []

    def measure_steps(server, asked):
        requests[:] = asked
        return [StepCost(90) for _ in asked]

    monkeypatch.setattr(preflight, "measure_steps", measure_steps)
    words = ("trials=4", "seeds=1", "sweep=s")
    assert [cost.measured for cost in bill_of(tune, *words)] == [False]
    assert [request.is_timed for request in requests].count(True) == 1
    tune(*words)
    assert [cost.measured for cost in bill_of(tune, *words, "optimizer=adam,sgd")] == [True, False]
    assert [request.config["optimizer"]["_target_"] for request in requests if request.is_timed] == ["torch.optim.SGD"]
