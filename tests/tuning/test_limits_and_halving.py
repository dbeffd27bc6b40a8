"""Limits of an arm's cost, successive halving, and the tree-structured Parzen estimator."""

from __future__ import annotations

from statistics import mean

import pytest
from support.tuning import score_of, summary_of

from descentlab.errors import UsageError
from descentlab.tuning.search import shares


@pytest.mark.parametrize(
    ("limit", "trials"),
    [("max_steps=100", 4), ("max_steps=400", 5), ("max_steps=900", 10), ("max_seconds=11", 7), ("max_steps=10000", 12)],
)
def test_an_arm_starts_no_trials_beyond_its_limit(tune, limit, trials):
    words = (limit, "trials=12", "seeds=1")
    (arm,) = tune(*words).manifest.arms  # each run takes 90 steps and 1.8 seconds
    assert len(arm.trials) == trials
    assert len(arm.report) == 1
    assert tune(*words).started == []


@pytest.mark.slow
def test_a_higher_limit_extends_the_sweep(tune):
    tune("max_steps=400", "trials=12", "seeds=1")
    later = tune("max_steps=900", "trials=12", "seeds=1")
    assert sum("seed1000" in name for name in later.started) == 5


@pytest.mark.parametrize(
    ("trials", "factor", "expected"),
    [(16, None, [1]), (16, 2, [1 / 4, 1 / 2, 1]), (9, 3, [1 / 9, 1 / 3, 1]), (8, 3, [1 / 3, 1]), (2, 3, [1]), (1, 2, [1])],
)
def test_budgets_of_successive_halving(trials, factor, expected):
    assert shares(trials, factor) == pytest.approx(expected)


def test_successive_halving_continues_with_the_best_trials_of_each_budget(tune):
    tuned = tune("halving=3", "trials=9", "seeds=1")
    (arm,) = tuned.manifest.arms
    by_rung = [[trial for trial in arm.trials if len(trial.earlier) == rung] for rung in range(3)]
    assert [len(trials) for trials in by_rung] == [6, 2, 1]
    assert [trial.index for trial in arm.trials if not trial.pruned] == [by_rung[2][0].index] == [arm.selected]
    steps = {record.id: record.config["budget"]["steps"] for record in tuned.records}
    assert [steps[id] for trial in by_rung[2] for id in (*trial.earlier, *trial.runs)] == [10, 30, 90]
    assert {steps[id] for id in (*arm.report, *arm.default)} == {90}
    scores = sorted(trial.value for trial in arm.trials)
    assert by_rung[2][0].value == scores[-1]
    assert len(tuned.started) == 9 + 3 + 1 + 2
    assert set(arm.runs) == {record.id for record in tuned.records}
    assert tune("halving=3", "trials=9", "seeds=1").started == []


def test_a_trial_that_fails_at_a_small_budget_is_pruned(tune):
    def outcome(job):
        return "diverged" if job.config["budget"]["steps"] < 90 and job.config["optimizer"]["lr"] > 1e-4 else "completed"

    (arm,) = tune("halving=2", "trials=8", "seeds=1", outcome_of=outcome).manifest.arms
    assert arm.trials[arm.selected].point["optimizer.lr"] <= 1e-4


def test_all_trials_pruned_at_a_small_budget_leave_no_result(tune):
    tuned = tune("halving=2", "trials=4", "seeds=1", outcome_of=lambda job: "diverged" if job.core.seed > 999 else "completed")
    assert tuned.tuner.without_result == ["adam"]


@pytest.mark.slow
def test_tpe_proposes_better_points_than_its_first_ones_and_is_rebuilt_from_records(tune, tmp_path):
    words = ("sampler=tpe", "trials=24", "seeds=1", "+search.weight_decay={choices: [0.0, 0.1, 0.3]}")

    def summary(job):
        return {**summary_of(job), "best_valid": score_of(job) - job.config["optimizer"]["weight_decay"]}

    whole = tune(*words, summary=summary)
    (arm,) = whole.manifest.arms
    values = [trial.value for trial in arm.trials]
    assert mean(values[12:]) > mean(values[:12]) + 0.05  # the first 12 are random
    tune.folder = tmp_path / "other"
    tune(*words[:1], "trials=6", *words[2:], summary=summary)
    (extended,) = tune(*words, summary=summary).manifest.arms
    assert (extended.trials, extended.selected, extended.report) == (arm.trials, arm.selected, arm.report)
    assert whole.manifest.version.startswith("optuna ")


def test_halving_is_refused_with_cost_limits_and_with_tpe(tune):
    for words, other in ((("max_steps=5",), "max_steps or max_seconds"), (("sampler=tpe",), "sampler=tpe")):
        with pytest.raises(UsageError, match=f"halving=2 cannot be combined with {other}"):
            tune.tuner("halving=2", *words)
