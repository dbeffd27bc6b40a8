"""Commands with records=table: one table of all runs, its page, resume, and messages."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT
from support.commands import TRAIN, run_here, run_script
from support.waiting import wait_until

import descentlab
from descentlab.store.table import RUNS, RunTable

GROUPS = "groups=[{match: blocks, lr: 1.0}, {match: head, lr: 1.0}]"
GRID = (
    *("-m", "records=table", "problem=digits_mlp", "model.hidden=[8]", "data.limit=64", "optimizer=sgd", "optimizer.lr=1.0"),
    *("batch_size=full", "budget.epochs=20", "validate_every=10", f"data_dir={ROOT}/data", "sweep=map", GROUPS),
    *("groups.0.lr=logspace(-2,5,8)", "groups.1.lr=logspace(-2,5,8)"),
)


@pytest.mark.slow
def test_grid_becomes_one_table_and_a_map(tmp_path):
    ended = run_script(TRAIN, *GRID, f"output_dir={tmp_path}")

    assert ended.returncode == 0, ended.stderr
    sweep = tmp_path / "map"
    assert sorted(path.name for path in sweep.iterdir() if path.name[0] != ".") == [
        "commands.txt",
        "report.html",
        RUNS,
        "table",
    ]
    loaded = descentlab.load(sweep)
    runs = loaded.runs
    assert runs.height == 64
    assert runs.select("groups.0.lr", "groups.1.lr").n_unique() == 64
    assert set(runs["status"]) == {"completed", "diverged"}
    assert runs.filter(pl.col("status") == "diverged")["diverged_step"].null_count() == 0
    assert "64 runs, 8 values of groups.0.lr x 8 values of groups.1.lr" in loaded.statement
    assert "Final training loss by groups.1.lr and groups.0.lr" in (sweep / "report.html").read_text()
    assert "64 of 64 runs trained" in ended.stderr

    again = run_script(TRAIN, *GRID, f"output_dir={tmp_path}")
    assert again.returncode == 0
    assert "finished before and reused" in again.stderr
    report = run_script(ROOT / "scripts" / "report.py", str(sweep))
    assert report.stdout.strip() == str(sweep / "report.html")


@pytest.mark.slow
def test_killed_command_is_resumed_with_the_missing_runs(tmp_path):
    words = [word for word in GRID if not word.startswith(("batch_size", "groups.1", "budget"))]
    words += ["seed=range(6)", "budget.epochs=60", "workers=1", f"output_dir={tmp_path}"]
    command = subprocess.Popen([sys.executable, str(TRAIN), *words], stderr=subprocess.DEVNULL, start_new_session=True)
    table = tmp_path / "map" / "table"
    wait_until(lambda: len(list(table.glob("part-*.parquet"))) >= 2, 60)
    os.kill(command.pid, signal.SIGKILL)
    command.wait()
    time.sleep(1.0)  # the process that trains ends with its parent
    kept = {path.name: path.stat().st_mtime_ns for path in table.glob("part-*.parquet")}
    assert len(kept) < 6

    ended = run_script(TRAIN, *words)
    assert ended.returncode == 0, ended.stderr
    assert f"{len(kept)} parts were finished before" in ended.stderr
    runs = pl.read_parquet(tmp_path / "map" / RUNS)
    assert runs["run"].to_list() == list(range(48))
    whole = [word for word in words if not word.startswith(("output_dir", "-m"))]
    uninterrupted = descentlab.train(*whole, f"output_dir={tmp_path}/whole").runs
    measured = runs.drop("train_seconds")
    assert measured.equals(uninterrupted.select(measured.columns))


@pytest.mark.slow
def test_dry_run_counts_the_runs_and_starts_none(tmp_path, monkeypatch, capsys):
    code, output = run_here([*GRID, f"output_dir={tmp_path}", "--dry-run"], monkeypatch, capsys)

    assert code == 0
    assert "64 of 64 runs would start; nothing was started" in output
    assert "8 values of groups.0.lr x 8 values of groups.1.lr" in output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--dry-run"], []])
def test_runs_that_cannot_be_stacked_are_refused_before_the_start(words, tmp_path, monkeypatch, capsys):
    command = [
        "-m",
        "records=table",
        f"output_dir={tmp_path}",
        "optimizer=lbfgs",
        "optimizer.lr=0.1,1.0",
        f"data_dir={ROOT}/data",
    ]
    code, output = run_here([*command, *words], monkeypatch, capsys)

    assert code == 2
    assert "LBFGS needs more than one gradient in a step; leave out records=table\nNothing was started." in output
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_interrupted_command_reports_the_finished_parts(tmp_path):
    words = [word for word in GRID if not word.startswith(("batch_size", "groups.1", "budget"))]
    words += ["seed=range(8)", "budget.epochs=60", "workers=1", f"output_dir={tmp_path}"]
    command = subprocess.Popen([sys.executable, str(TRAIN), *words], stderr=subprocess.PIPE, text=True)
    wait_until(lambda: len(list((tmp_path / "map" / "table").glob("part-*.parquet"))) >= 1, 60)
    command.send_signal(signal.SIGINT)
    output = command.communicate(timeout=60)[1]

    assert command.returncode == 130
    assert "rerun the same command to resume" in output
    assert 8 <= pl.read_parquet(tmp_path / "map" / RUNS).height < 64
    assert (tmp_path / "map" / "report.html").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.hidden=[8],[16]"], "have different structures|cannot differ between the runs"),
        (["optimizer=sgd,adam"], "have the same option of each group"),
        (["optimizer=sgd", "optimizer.nesterov=true,false"], "cannot differ between the runs of a table"),
        (["optimizer.lr=0.1,-1.0"], "optimizer.lr=-1.0 is not allowed"),
        (["optimizer.lr=0.1"], "there is one run"),
        (["optimizer.lr=0.1,0.2", "logger=wandb"], "not logged to W&B"),
        (["optimizer.lr=0.1,0.2", "callbacks=lr_monitor"], "cannot have callbacks"),
        (["optimizer.lr=0.1,0.2", "stop.patience=3"], "cannot have stop.patience"),
        (["optimizer.lr=0.1,0.2", "hydra/launcher=slurm"], "trained on this machine only"),
        (["optimizer=adam", "hydra/sweeper=tune"], "needs a folder for each run"),
        (["optimizr.lr=0.1,0.2"], "optimizr"),
    ],
)
def test_what_a_table_cannot_have_is_refused(words, message, tmp_path, monkeypatch, capsys):
    code, output = run_here(["-m", "records=table", f"output_dir={tmp_path}", *words], monkeypatch, capsys)

    assert code == 2
    assert any(part in output for part in message.split("|")), output


def test_folder_with_another_table_is_refused(tmp_path, monkeypatch, capsys):
    run = [*GRID, f"output_dir={tmp_path}", "--dry-run"]
    table = tmp_path / "map" / "table"
    table.mkdir(parents=True)
    (table / "axes.json").write_text(
        json.dumps({"axes": [{"key": "seed", "values": [0, 1], "changes": [{}, {}]}], "orders": 1})
    )

    code, output = run_here(run, monkeypatch, capsys)

    assert code == 2
    assert "holds another table" in output


def test_parts_have_one_order_of_batches_each(tmp_path):
    from descentlab.store.table import Axis

    seeds = Axis("seed", [0, 1, 2], [{"data_seed": seed} for seed in (0, 1, 2)])
    rates = Axis("optimizer.lr", list(range(1500)), [{"optimizer.lr": rate} for rate in range(1500)])
    table = RunTable(Path(tmp_path), [seeds, rates], orders=3)

    assert [part.start for part in table.parts] == [0, 1024, 1500, 2524, 3000, 4024]
    assert all(len(set(table.places(part)[0])) == 1 for part in table.parts)
