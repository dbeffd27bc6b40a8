"""Grouping of runs into series and comparisons, and the labels of series."""

from __future__ import annotations

from pathlib import Path

import pytest

from descentlab.report.load import load
from descentlab.report.series import format_statuses
from descentlab.store.record import RECORD, Status


def labels(folder: Path) -> list[str]:
    return [one.label for one in load([folder]).series]


def test_runs_that_differ_in_seeds_and_paths_only_are_one_series(make_run, tmp_path):
    for seed in range(3):
        make_run(seed=seed, config={"workers": seed, "logger": {"project": str(seed)}})
    assert labels(tmp_path / "sweep") == ["adam (3 seeds)"]


def test_labels_contain_settings_that_differ_for_the_same_optimizer(make_run, tmp_path):
    make_run(lr=0.1)
    make_run(lr=0.01)
    make_run("sgd", lr=0.5)
    assert labels(tmp_path / "sweep") == ["adam lr=0.1", "adam lr=0.01", "sgd"]


def test_labels_contain_a_chosen_option_without_its_keys(make_run, tmp_path):
    for schedule, keys in {"constant": {"warmup": 0}, "cosine": {"warmup": 0, "final": 0.0}}.items():
        make_run(config={"schedule": {"_target_": schedule, **keys}}, choices={"schedule": schedule})
    assert labels(tmp_path / "sweep") == ["adam schedule=constant", "adam schedule=cosine"]


def test_the_same_config_under_two_names_is_two_series(make_run, tmp_path):
    make_run("sgd")
    make_run("plain")
    assert labels(tmp_path / "sweep") == ["plain", "sgd"]


def test_each_problem_is_a_comparison(make_run, tmp_path):
    make_run(problem="digits_mlp")
    make_run(problem="digits_softmax", config={"batch_size": 8})
    results = load([tmp_path / "sweep"])
    assert [one.problem for one in results.comparisons] == ["digits_mlp", "digits_softmax"]
    assert [one.label for one in results.series] == ["digits_mlp / adam", "digits_softmax / adam"]


def test_a_run_in_two_sweeps_counts_once_and_its_result_is_kept(make_run, tmp_path):
    make_run(sweep="one", id="same")
    make_run(sweep="two", id="same", status=Status.FAILED)
    results = load([tmp_path / "one", tmp_path / "two"])
    assert [run.status for run in results.runs] == [Status.COMPLETED]
    assert results.duplicates == 1


def test_the_metric_of_a_failed_run_is_read_from_its_config(make_run, tmp_path):
    make_run(
        status=Status.FAILED,
        summary={"monitor": None, "mode": None},
        config={"task": {"monitor": "rmse", "mode": "min"}},
    )
    comparison = load([tmp_path / "sweep"]).comparisons[0]
    assert (comparison.monitor, comparison.mode) == ("rmse", "min")


def test_statuses_are_counted(make_run):
    completed, diverged = make_run(), make_run(status=Status.DIVERGED, summary={"diverged_step": 12})
    assert format_statuses([completed, completed, diverged]) == "2 completed, 1 diverged at step 12"
    assert format_statuses([diverged]) == "diverged at step 12"


def test_unreadable_records_are_reported_and_left_out(make_run, tmp_path, capsys):
    with pytest.raises(FileNotFoundError, match="no such folder"):
        load([tmp_path / "nowhere"])
    with pytest.raises(FileNotFoundError, match="no record"):
        load([tmp_path])
    sound, torn = make_run(), make_run()
    (torn.folder / RECORD).write_text("{")
    assert [run.id for run in load([tmp_path / "sweep"]).runs] == [sound.id]
    assert f"{torn.folder / RECORD} is left out" in capsys.readouterr().err
