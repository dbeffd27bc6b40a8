"""Faults of Weights & Biases: every run keeps its result."""

from __future__ import annotations

import pytest
from support.curves import timeless_curves
from support.matrix import Matrix
from support.wandb_file import offline_runs, wandb_records

from descentlab.store.record import Record


@pytest.fixture(scope="module")
def tracked(make_lab) -> Matrix:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_SERVICE", "3-1-unix-/no/such/socket")  # left by a process that used W&B and started the command
        return Matrix(make_lab(), ["tracker-mid", "raise-logger", "kill-mid", "kill-record"], "logger=wandb")


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
