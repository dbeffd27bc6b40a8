"""The table of runs, and runs.csv."""

from __future__ import annotations

import polars as pl
import pytest

from descentlab.report.load import load
from descentlab.report.tables.runs import IDENTITY, RESULTS, runs_frame, write_runs
from descentlab.store.manifest import Arm, Manifest, Trial
from descentlab.store.record import Status


def test_table_has_a_row_per_run_with_its_config(mixed_sweep):
    runs = runs_frame(load([mixed_sweep]))
    assert runs.height == 4
    sgd = runs.filter(optimizer="sgd")
    assert sgd.select("status", "seed", "optimizer.lr", "target", "best_valid", "test.accuracy").rows() == [
        ("completed", 0, 0.5, 0.95, 0.8, 0.8)
    ]


def test_columns_do_not_depend_on_which_settings_vary(make_run, tmp_path):
    make_run(sweep="one", lr=0.1)
    for lr in (0.1, 0.2):
        make_run(sweep="two", lr=lr, summary={"test": {}}, status=Status.DIVERGED)
    one, two = (runs_frame(load([tmp_path / sweep])).columns for sweep in ("one", "two"))
    assert set(one) - {"test.accuracy"} == set(two)
    assert {*IDENTITY, *RESULTS} <= set(one)


def test_lists_are_json_and_keys_that_a_run_lacks_are_null(make_run, tmp_path):
    make_run("adam", config={"optimizer": {"lr": 0.1, "betas": [0.9, 0.99]}})
    make_run("sgd", config={"batch_size": "full"})
    runs = runs_frame(load([tmp_path / "sweep"])).sort("optimizer")
    assert runs["optimizer.betas"].to_list() == ["[0.9, 0.99]", None]
    assert runs["batch_size"].to_list() == [None, "full"]


@pytest.fixture
def tuned(make_run, tmp_path):
    """Write a tuned sweep: a trial, a pruned trial, a report run, a default run and a superseded one."""
    for id in ("trial", "pruned", "report", "default", "superseded"):
        make_run(id=id, lr={"default": 0.3, "pruned": 0.2, "superseded": 0.2}.get(id, 0.1))
    trials = [Trial(0, {"optimizer.lr": 0.1}, ["trial"], 0.9), Trial(1, {"optimizer.lr": 0.2}, ["pruned"], pruned=True)]
    arm = Arm(
        "adam",
        "digits_mlp",
        "adam",
        trials=trials,
        selected=0,
        report=["report"],
        default=["default"],
        superseded=["superseded"],
    )
    Manifest("sobol", "scipy 1", 0, [1000], [0], [arm]).write(tmp_path / "sweep")
    return tmp_path / "sweep"


def test_runs_of_a_tuned_sweep_have_roles(tuned):
    runs = runs_frame(load([tuned]))
    found = {row["id"]: (row["role"], row["arm"], row["trial"]) for row in runs.rows(named=True)}
    assert found == {
        "trial": ("trial", "adam", 0),
        "pruned": ("trial", "adam", 1),
        "report": ("report", "adam", None),
        "default": ("default", "adam", None),
        "superseded": ("superseded", "adam", None),
    }


def test_runs_of_other_sweeps_have_no_role(mixed_sweep):
    runs = runs_frame(load([mixed_sweep]))
    assert runs.select("role", "arm", "trial").unique().rows() == [(None, None, None)]


def test_csv_file_has_unrounded_numbers(make_run, tmp_path):
    make_run(lr=1e-5, summary={"best_valid": 1 / 3})
    write_runs(load([tmp_path / "sweep"]), tmp_path / "runs.csv")
    found = pl.read_csv(tmp_path / "runs.csv")
    assert found.select("optimizer.lr", "best_valid").rows() == [(1e-5, 1 / 3)]
