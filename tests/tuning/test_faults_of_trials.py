"""Trials that fail: before their start, in one command and not again in the next, and after a promotion."""

from __future__ import annotations

import math

import pytest
from support.tuning import score_of, summary_of

from descentlab.errors import UsageError
from descentlab.store.record import CONFIG, RECORD

WORDS = ("trials=8", "seeds=1")


class Mistakes:
    """Mistakes in the jobs whose name satisfies a condition, for FakeLauncher."""

    def __init__(self, condition):
        self.condition = condition

    def __contains__(self, name):
        return self.condition(name)

    def __getitem__(self, name):
        return "this trial cannot work"


def is_trial_above(lr):
    """Return a condition: the name is that of a trial with a learning rate above `lr`."""
    return lambda name: "seed1000" in name and float(name.split("-lr")[1].split("-seed")[0]) > lr


def failing_once(failed):
    """Return an outcome of jobs: the best trial fails at its first attempt of all commands."""

    def outcome(job):
        if job.core.seed < 1000 or not 0.001 < job.config["optimizer"]["lr"] < 0.005 or job.id in failed:
            return "completed"
        failed.add(job.id)
        return "failed"

    return outcome


def test_a_trial_that_fails_the_check_counts_as_the_worst_in_the_first_round(tune, capsys):
    tuned = tune(*WORDS, mistakes=Mistakes(is_trial_above(0.002)))
    (arm,) = tuned.manifest.arms
    for trial in arm.trials:
        assert (trial.value is None) == (trial.point["optimizer.lr"] > 0.002)
    refused = sum(trial.value is None for trial in arm.trials)
    assert arm.selected is not None
    assert 0 < refused < 8
    assert capsys.readouterr().err.count("this trial cannot work") == refused
    assert len(tuned.started) == 8 - refused + 2


def test_a_trial_that_fails_the_check_counts_as_the_worst_when_a_sweep_is_repeated_or_extended(tune):
    mistakes = Mistakes(is_trial_above(0.002))
    first = tune(*WORDS, mistakes=mistakes)
    assert tune(*WORDS, mistakes=mistakes).manifest == first.manifest
    (arm,) = tune("trials=16", "seeds=1", mistakes=mistakes).manifest.arms
    assert len(arm.trials) == 16
    assert arm.selected is not None


def test_a_mistake_of_the_arm_itself_refuses_the_command_also_when_it_is_repeated(tune):
    def every(name):
        return True

    with pytest.raises(UsageError, match="this trial cannot work"):
        tune(*WORDS, mistakes=Mistakes(every))
    tune(*WORDS)
    with pytest.raises(UsageError, match="this trial cannot work"):
        tune("trials=16", "seeds=1", mistakes=Mistakes(every))


def test_a_trial_that_failed_is_not_run_again_by_the_repeated_command(tune):
    failed: set[str] = set()
    first = tune(*WORDS, outcome_of=failing_once(failed))
    assert len(failed) >= 1
    second = tune(*WORDS, outcome_of=failing_once(failed))
    assert second.started == []
    assert second.manifest == first.manifest
    assert {record.id for record in second.tuner.faults} == failed
    assert any("failed in an earlier command" in message for message in tune.messages)


@pytest.mark.parametrize("way", ["rerun", "removed"])
def test_a_trial_that_failed_is_run_again_if_it_is_asked_for(tune, way):
    failed: set[str] = set()
    first = tune(*WORDS, outcome_of=failing_once(failed))
    if way == "removed":
        for record in (record for record in first.records if record.id in failed):
            folder = first.sweep / record.name
            (folder / RECORD).unlink()
            (folder / CONFIG).unlink()
    second = tune(*WORDS, *(["rerun=true"] if way == "rerun" else []), outcome_of=failing_once(failed))
    assert 0.001 < second.manifest.arms[0].trials[second.manifest.arms[0].selected].point["optimizer.lr"] < 0.005
    assert second.tuner.faults == []


def test_the_next_best_trials_continue_if_those_that_were_promoted_diverge(tune):
    def outcome(job):
        best = 0.001 < job.config["optimizer"]["lr"] < 0.01
        return "diverged" if best and job.core.budget.steps == 90 and job.core.seed >= 1000 else "completed"

    words = ("halving=3", "trials=9", "seeds=1")
    tuned = tune(*words, outcome_of=outcome)
    (arm,) = tuned.manifest.arms
    selected = arm.trials[arm.selected]
    assert not 0.001 < selected.point["optimizer.lr"] < 0.01
    assert not selected.pruned
    assert len(selected.earlier) == 2
    assert len(arm.report) == 1
    assert any("the next best continue" in message for message in tune.messages)
    repeated = tune(*words, outcome_of=outcome)
    assert repeated.started == []
    assert repeated.manifest == tuned.manifest


def test_trials_pruned_at_the_smallest_budget_continue_if_all_others_diverge(tune):
    def outcome(job):
        near = abs(math.log10(job.config["optimizer"]["lr"] / 0.003)) < 0.9
        return "diverged" if near and job.core.budget.steps > 10 and job.core.seed >= 1000 else "completed"

    (arm,) = tune("halving=3", "trials=9", "seeds=1", outcome_of=outcome).manifest.arms
    assert abs(math.log10(arm.trials[arm.selected].point["optimizer.lr"] / 0.003)) >= 0.9
    assert all(trial.pruned for trial in arm.trials if trial.index != arm.selected)


def test_the_reason_of_an_undefined_value_is_reported(tune):
    def summary(job):
        return {**summary_of(job), "best_valid": None, "undefined": {"best_valid": "accuracy was undefined: one class"}}

    tune("trials=2", "seeds=1", summary=summary)
    assert any(message.endswith("validation value: accuracy was undefined: one class") for message in tune.messages)


def test_the_reason_of_a_missing_selection_is_that_of_a_run_without_a_value(tune):
    tune("trials=2", "seeds=1", "tuning_seeds=2", outcome_of=lambda job: "diverged" if job.core.seed == 1001 else "completed")
    assert any(message.endswith("none of 2 trials has a validation value: diverged") for message in tune.messages)


@pytest.mark.slow
def test_an_arm_with_an_interrupted_run_is_named_at_the_end(tune):
    def outcome(job):
        stopped = job.choices["optimizer"] == "sgd" and job.core.seed >= 1000 and score_of(job) > 0.8
        return "interrupted" if stopped else "completed"

    tuned = tune("optimizer=adam,sgd", *WORDS, outcome_of=outcome)
    assert tuned.manifest.arms[1].selected is None
    assert tune.messages[-1] == "1 of 2 arms are not finished (digits_mlp: sgd): the same command resumes"
    tune.messages.clear()
    tune("optimizer=adam,sgd", *WORDS)
    assert not any("not finished" in message for message in tune.messages)
