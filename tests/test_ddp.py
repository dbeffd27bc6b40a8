"""Processes that share a run on the CPU (gloo; FSDP2 in shards): the same global batches and seeds give the same curve."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from descentlab import records
from descentlab.records import Record

# Shares of 17 and 16 in two microbatches and one, and an epoch ends in a batch of 1: weights make up for all of it.
UNEVEN = ["budget.epochs=3", "batch_size=33", "microbatch=16"]


def train(folder: Path, trainer: str, *words: str) -> dict[str, Record]:
    """The records of a sweep by optimizer."""
    two = [] if trainer == "cpu" else ["trainer.accelerator=cpu", "trainer.devices=2"]
    line = [sys.executable, str(ROOT / "train.py"), "-m", *words, f"trainer={trainer}", *two]
    line += [f"output_dir={folder}", f"sweep={trainer}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}
    answer = subprocess.run(line, capture_output=True, text=True, timeout=300, cwd=folder, env=environment)
    assert answer.returncode == 0, answer.stderr
    return {record.choices["optimizer"]: record for record in records.find(folder / trainer)}


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    return train(tmp_path_factory.mktemp("single"), "cpu", "optimizer=adam,sgd,rmsprop", *UNEVEN, "logger=none")


@pytest.mark.parametrize("trainer", ["ddp", "fsdp"])
def test_two_processes_give_the_curve_of_one_and_leave_what_one_leaves(single, tmp_path, trainer):
    parallel = train(tmp_path, trainer, "optimizer=adam,sgd,rmsprop", *UNEVEN)
    assert set(parallel) == set(single) == {"adam", "sgd", "rmsprop"}
    assert len(list((tmp_path / trainer).glob("*/record.json"))) == 3, "one folder a run"
    assert len(list((tmp_path / trainer / "wandb").glob("offline-run-*"))) == 3, "one W&B run a run"
    for optimizer, record in parallel.items():
        expected, curves = (records.read_curves(each.folder) for each in (single[optimizer], record))
        for column in ("train/loss", "train/grad_norm", "valid/loss"):
            values = expected[column].drop_nulls().to_list()
            assert len(values) > 3
            assert curves[column].drop_nulls().to_list() == pytest.approx(values, rel=1e-4)
        assert expected["batches"].to_list() == curves["batches"].to_list()
        assert record.summary["test"]["accuracy"] == single[optimizer].summary["test"]["accuracy"]
