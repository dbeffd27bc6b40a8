"""Faults of Weights & Biases, and of commands that write to it: every run keeps its result, and is written once."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from support.curves import timeless_curves
from support.matrix import Matrix
from support.waiting import wait_until
from support.wandb_file import offline_runs, wandb_records

from descentlab.store.record import RECORD, TRACKED, Record, find


@pytest.fixture(scope="module")
def tracked(make_lab) -> Matrix:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_SERVICE", "3-1-unix-/no/such/socket")  # left by a process that used W&B and started the command
        faults = ["tracker-mid", "raise-logger", "kill-mid", "kill-record"]
        return Matrix(make_lab(), faults, "logger=wandb", "logger.live=true")


@pytest.mark.slow
def test_faults_of_the_tracker_do_not_affect_the_run(tracked, uninterrupted):
    for fault in ("tracker-mid", "raise-logger"):
        record = tracked.after_first[fault]
        assert record.status == "completed", tracked.logs[fault]
        assert timeless_curves(record).equals(uninterrupted())
        assert "Weights & Biases is off for this run" in tracked.logs[fault]


@pytest.mark.slow
def test_a_resumed_run_is_one_wandb_run_with_the_whole_curve(tracked, uninterrupted):
    assert tracked.second.returncode == 0
    for fault in ("kill-mid", "kill-record", "none"):
        record: Record = tracked.after_second[fault]
        (path,) = (record.folder.parent / "wandb").glob(f"offline-run-*{record.id}*/*.wandb")
        logged = wandb_records(path)
        rows = [each["item"] for each in logged["history"]]
        losses = timeless_curves(record)["train/loss"].drop_nulls().to_list()
        assert [row["train/loss"] for row in rows if "train/loss" in row] == losses != []
        assert [each["exit_code"] for each in logged["exit"]] == [0]
        assert timeless_curves(record).equals(uninterrupted())
    sweep = tracked.lab.folder / "out" / "s"
    assert (len(offline_runs(sweep)), len(offline_runs(sweep, summary=True))) == (5, 1)


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT], ids=["kill", "interrupt"])
def test_the_next_command_writes_the_runs_that_a_stopped_one_did_not(lab, signum):
    words = ("logger=wandb", "seed=0,1,2,3", "workers=1")
    sweep = lab.folder / "out" / "s"
    with lab.running(*words) as command:
        assert wait_until(lambda: len(list(sweep.glob(f"*/{RECORD}"))) > 1, 120), lab.output
        command.send_signal(signum)
        command.wait(60)
        assert lab.is_quiet_within(15), lab.processes()
    marked = {path: path.stat().st_mtime_ns for path in sweep.glob(f"*/{TRACKED}")}
    kept = {path for path in marked if _has_result(path.parent)}
    for _ in range(2):
        last = lab.run(*words)
        assert last.returncode == 0, last.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == {path: marked[path] for path in kept}, "written once"
    logged = [wandb_records(next(run.glob("*.wandb"))) for run in offline_runs(sweep)]
    assert {each["run"][0]["display_name"] for each in logged} == {record.name for record in find(sweep)}
    assert [[exit["exit_code"] for exit in each["exit"]] for each in logged] == [[0]] * 4


def _has_result(folder: Path) -> bool:
    return (folder / RECORD).exists() and Record.read(folder).status.is_result
