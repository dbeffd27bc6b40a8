"""Tuned sweeps: the roles of runs decide which series are shown."""

from __future__ import annotations

from dataclasses import replace

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.roles import best_trial
from descentlab.store.manifest import MANIFEST, Arm, Manifest, Trial
from descentlab.store.record import Status


def test_selected_and_default_settings_are_shown_and_trials_are_not(make_tuned):
    results = load([make_tuned({"adam": 0.9, "sgd": 0.8})])
    (comparison,) = results.comparisons
    assert [one.label for one in comparison.series] == [
        "adam lr=0.01 (tuned, 5 seeds)",
        "adam lr=0.5 (default, 5 seeds)",
        "sgd lr=0.01 (tuned, 5 seeds)",
        "sgd lr=0.5 (default, 5 seeds)",
    ]
    assert len(comparison.trials) == 8
    assert (len(comparison.runs), len(comparison.all_runs), len(results.runs)) == (20, 28, 28)
    assert [arm.name for arm in comparison.arms] == ["adam", "sgd"]
    assert sorted({member.role for member in results.members.values()}) == ["default", "report", "trial"]


def test_the_trial_of_the_selected_settings_does_not_enter_the_mean(make_tuned):
    (answer,) = compare(load([make_tuned({"adam": 0.9})]))
    entry = answer.best
    assert [run.config["seed"] for run in entry.series.runs] == [0, 1, 2, 3, 4]
    assert (entry.name, entry.candidates, entry.default.settings["optimizer.lr"]) == ("adam", 4, 0.5)
    assert {run.config["seed"] for one in entry.alternatives for run in one.runs} == {1000}


def test_an_arm_without_report_runs_shows_its_best_trial(make_tuned):
    (answer,) = compare(load([make_tuned({"adam": 0.9, "sgd": 0.8}, unfinished=["sgd"])]))
    sgd = next(entry for entry in answer.entries if entry.name == "sgd")
    assert sgd.is_preliminary
    assert (sgd.series.settings["optimizer.lr"], sgd.default) == (0.01, None)


def test_best_trial_is_the_selected_one_or_the_best_so_far():
    trials = [Trial(index, {}, [str(index)], value) for index, value in enumerate((0.1, 0.3, None, 0.2))]
    assert best_trial(Arm("a", "p", "a", trials=trials, selected=3), "max", "0123") == trials[3]
    assert best_trial(Arm("a", "p", "a", trials=trials), "max", "0123") == trials[1]
    assert best_trial(Arm("a", "p", "a", trials=trials), "min", "0123") == trials[0]
    assert best_trial(Arm("a", "p", "a", trials=trials), "max", "03") == trials[3]  # the others have no record
    assert best_trial(Arm("a", "p", "a", trials=trials[2:3]), "min", "2") == trials[2]
    assert best_trial(Arm("a", "p", "a"), "min", "") is None


def test_superseded_runs_are_in_the_cost_only(make_tuned):
    sweep = make_tuned({"adam": 0.9})
    manifest = Manifest.read(sweep)
    (arm,) = manifest.arms
    replace(manifest, arms=[replace(arm, default=[], superseded=arm.default)]).write(sweep)
    (answer,) = compare(load([sweep]))
    assert [one.role for one in answer.series] == ["report"]
    assert (answer.bill.total.runs, answer.best.default) == (14, None)


def test_further_seeds_of_the_selected_settings_join_them(make_tuned, make_run):
    sweep = make_tuned({"adam": 0.9})
    make_run("adam", sweep="more", seed=7, lr=0.01)
    (comparison,) = load([sweep, sweep.parent / "more"]).comparisons
    assert [len(one.runs) for one in comparison.series] == [6, 5]


def test_a_tuned_sweep_and_a_grid_are_compared_under_distinct_names(make_tuned, make_run):
    sweep = make_tuned({"adam": 0.9})
    make_run("adam", sweep="grid", lr=0.3)
    (answer,) = compare(load([sweep, sweep.parent / "grid"]))
    assert [entry.name for entry in answer.entries] == ["adam (tuned)", "adam (grid)"]


def test_a_sweep_with_failed_trials_only_is_shown(make_tuned):
    sweep = make_tuned({"adam": 0.9}, unfinished=["adam"])
    for record in load([sweep]).runs:
        record.status, record.summary = Status.FAILED, {}
        record.write(record.folder)
    (answer,) = compare(load([sweep]))
    assert answer.best.completed == []


def test_an_unreadable_manifest_is_reported_and_leaves_a_grid(make_tuned, capsys):
    sweep = make_tuned({"adam": 0.9})
    (sweep / MANIFEST).write_text("{")
    (comparison,) = load([sweep]).comparisons
    assert {one.role for one in comparison.series} == {None}
    assert "tuning.json cannot be read" in capsys.readouterr().err
