"""The protocol of tuning: trials, selection on validation, runs that report, and what an extended command adds."""

from __future__ import annotations

import pytest
from support.tuning import score_of, summary_of

from descentlab.errors import UsageError
from descentlab.store.manifest import Manifest, memberships


def seeds_of(tuned, ids):
    return sorted(record.config["seed"] for record in tuned.records if record.id in ids)


def test_each_arm_gets_equal_trials_then_report_runs_of_the_best_and_of_the_default(tune):
    tuned = tune("optimizer=adam,adamw", "trials=4", "seeds=3")
    assert list(tuned.arms) == ["adam", "adamw"]
    for arm in tuned.arms.values():
        assert [trial.index for trial in arm.trials] == [0, 1, 2, 3]
        values = [trial.value for trial in arm.trials]
        assert arm.selected == values.index(max(values))
        assert seeds_of(tuned, arm.report) == seeds_of(tuned, arm.default) == [0, 1, 2]
        best = {record.config["optimizer"]["lr"] for record in tuned.records if record.id in arm.report}
        assert best == {arm.trials[arm.selected].point["optimizer.lr"]}
        default = {record.config["optimizer"]["lr"] for record in tuned.records if record.id in arm.default}
        assert default == {1e-3}
    assert len(tuned.started) == 2 * (4 + 3 + 3)
    assert (tuned.manifest.tuning_seeds, tuned.manifest.report_seeds) == ([1000], [0, 1, 2])
    assert tuned.tuner.without_result == []


def test_arms_with_equal_ranges_get_equal_points(tune):
    tuned = tune("optimizer=adam,adamw", "trials=4", "seeds=1")
    adam, adamw = ([trial.point for trial in arm.trials] for arm in tuned.arms.values())
    assert adam == adamw


def test_the_value_of_a_trial_is_the_mean_over_its_tuning_seeds(tune):
    tuned = tune("trials=2", "tuning_seeds=3", "seeds=1")
    (arm,) = tuned.manifest.arms
    assert [seeds_of(tuned, trial.runs) for trial in arm.trials] == [[1000, 1001, 1002]] * 2
    middle = [record for record in tuned.records if record.config["seed"] == 1001]
    values = {record.config["optimizer"]["lr"]: record.summary["best_valid"] for record in middle}
    for trial in arm.trials:
        assert trial.value == pytest.approx(values[trial.point["optimizer.lr"]])


def test_a_repeated_command_starts_nothing_and_keeps_the_manifest(tune):
    first = tune("optimizer=adam,sgd", "trials=4", "seeds=2")
    before = (first.sweep / "tuning.json").stat().st_mtime_ns
    second = tune("optimizer=adam,sgd", "trials=4", "seeds=2")
    assert second.started == []
    assert len(second.records) == len(first.records)
    assert (first.sweep / "tuning.json").stat().st_mtime_ns == before


def test_more_trials_extend_the_sweep_and_a_new_winner_replaces_the_reported_one(tune):
    first = tune("trials=2", "seeds=2")
    second = tune("trials=16", "seeds=2")
    assert second.sweep == first.sweep
    (old,), (new,) = first.manifest.arms, second.manifest.arms
    assert new.trials[:2] == old.trials
    assert new.selected not in (0, 1)
    assert len(second.started) == 14 + 2
    assert new.superseded == old.report
    third = tune("trials=2", "seeds=2")  # fewer trials: those of the command, and the others count in the bill
    assert third.started == []
    (fewer,) = third.manifest.arms
    assert (fewer.trials, fewer.report) == (old.trials, old.report)
    assert set(fewer.runs) == set(new.runs)


def test_more_report_seeds_add_runs_of_the_selected_and_default_settings(tune):
    tune("trials=4", "seeds=2")
    assert len(tune("trials=4", "seeds=5").started) == 6


def test_a_diverged_and_a_failed_trial_count_as_the_worst(tune):
    def outcome(job):
        lr = job.config["optimizer"]["lr"]
        if job.core.seed < 1000:
            return "completed"
        return "diverged" if lr > 0.01 else "failed" if 0.002 < lr < 0.01 else "completed"

    tuned = tune("trials=8", "seeds=1", outcome_of=outcome)
    (arm,) = tuned.manifest.arms
    for trial in arm.trials:
        assert (trial.value is None) == (trial.point["optimizer.lr"] > 0.002)
    assert arm.trials[arm.selected].value == max(trial.value for trial in arm.trials if trial.value is not None)


def test_an_arm_without_a_completed_trial_has_no_result_and_the_others_continue(tune):
    def outcome(job):
        return "diverged" if job.choices["optimizer"] == "sgd" and job.core.seed >= 1000 else "completed"

    tuned = tune("optimizer=sgd,adam", "trials=4", "seeds=2", outcome_of=outcome)
    assert tuned.tuner.without_result == ["sgd"]
    assert (tuned.arms["sgd"].selected, tuned.arms["sgd"].report) == (None, [])
    assert len(tuned.arms["sgd"].default) == len(tuned.arms["adam"].report) == 2
    assert any(
        "sgd: nothing is selected, for none of 4 trials has a validation value: diverged" in message
        for message in tune.messages
    )


def test_a_loss_is_minimised(tune):
    def summary(job):
        return {**summary_of(job), "best_valid": 1 - score_of(job), "mode": "min", "monitor": "mse"}

    (arm,) = tune("problem=diabetes_linear", "trials=4", "seeds=1", summary=summary).manifest.arms
    values = [trial.value for trial in arm.trials]
    assert arm.selected == values.index(min(values))


def test_problems_with_different_metrics_are_separate_arms(tune):
    def summary(job):
        worse = job.choices["problem"] == "diabetes_linear"
        return {**summary_of(job), "mode": "min" if worse else "max", "monitor": "mse" if worse else "accuracy"}

    tuned = tune("problem=digits_mlp,diabetes_linear", "optimizer=adam,sgd", "trials=2", "seeds=1", summary=summary)
    names = [(arm.problem, arm.name) for arm in tuned.manifest.arms]
    assert names == [(p, o) for p in ("digits_mlp", "diabetes_linear") for o in ("adam", "sgd")]
    assert tuned.sweep.name.startswith("2-problems-tune-")


def test_other_swept_words_make_further_arms(tune):
    tuned = tune("optimizer=adam", "batch_size=16,32", "trials=2", "seeds=1")
    assert list(tuned.arms) == ["adam batch_size=16", "adam batch_size=32"]
    assert any(name.startswith("adam-batch_size16-lr") and "-seed1000-" in name for name in tuned.started)


def test_names_of_arms_contain_the_hyperparameters_in_which_they_differ(tune):
    tuner, _ = tune.tuner("optimizer=sgd", "optimizer.nesterov=true,false", "optimizer.momentum=0.9")
    names = [search.definition.name for search in tuner.searches]
    assert names == ["sgd optimizer.nesterov=True", "sgd optimizer.nesterov=False"]


def test_a_selected_point_equal_to_the_default_is_trained_once(tune):
    tuned = tune("~search.lr", "+search.lr={choices: [0.001]}", "trials=1", "seeds=2")
    (arm,) = tuned.manifest.arms
    assert arm.report == arm.default
    assert len(tuned.started) == 1 + 2
    assert {member.role for member in memberships([tuned.manifest]).values()} == {"trial", "report"}


@pytest.mark.slow
def test_runs_left_by_an_interrupted_command_lead_to_the_same_result(tune, tmp_path):
    words = ("optimizer=adam,sgd", "trials=8", "seeds=2")
    whole = tune(*words)
    tune.folder = tmp_path / "other"
    ended = 0

    def outcome(job):  # the queue is left in the middle of the trials, as by kill -9
        nonlocal ended
        ended += 1
        if ended == 7:
            raise KeyboardInterrupt
        return "completed"

    with pytest.raises(KeyboardInterrupt):
        tune(*words, outcome_of=outcome)
    resumed = tune(*words)
    assert 0 < len(resumed.started) < len(whole.started)
    assert resumed.manifest == whole.manifest


def test_an_interrupted_trial_is_not_counted_as_ended(tune):
    tuned = tune("trials=4", "seeds=2", outcome_of=lambda job: "interrupted")
    (arm,) = tuned.manifest.arms
    assert (arm.selected, arm.report, tuned.tuner.without_result) == (None, [], [])


def test_a_named_sweep_accumulates_the_arms_of_several_commands(tune):
    tune("sweep=mine", "optimizer=adam", "trials=4", "seeds=1")
    second = tune("sweep=mine", "optimizer=sgd", "trials=2", "seeds=1")
    assert second.sweep.name == "mine"
    assert {name: len(arm.trials) for name, arm in second.arms.items()} == {"sgd": 2, "adam": 4}


@pytest.mark.slow
def test_the_name_of_a_sweep_depends_on_arms_space_and_sampler_only(tune):
    def name(*words):
        return tune.tuner(*words)[1].name

    same = name()
    assert name("trials=32") == name("seeds=3", "tuning_seeds=2") == name("max_steps=5") == same
    others = {
        name("sampler=halton"),
        name("sampler_seed=1"),
        name("halving=2"),
        name("batch_size=16"),
        name("search.lr=[1e-4,1]"),
    }
    assert len({same, *others}) == 6


def test_nothing_is_written_if_the_first_runs_cannot_work(tune):
    with pytest.raises(UsageError, match="cannot work"):
        tune("trials=2", "seeds=1", mistakes=Everything())
    assert not list(tune.folder.iterdir())


class Everything(dict):
    """A mapping that has every key."""

    def __contains__(self, key):
        return True

    def __missing__(self, key):
        return "it cannot work"


def test_the_manifest_on_disk_reads_as_it_was_written(tune):
    tuned = tune("trials=2", "seeds=1")
    assert Manifest.read(tuned.sweep) == tuned.tuner.manifest(None)
    assert tuned.manifest.version.startswith("scipy ")
