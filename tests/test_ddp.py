"""Data-parallel processes on the CPU (gloo): the same global batches and seeds give the same curve."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from conftest import ROOT

from descentlab import records


def test_two_processes_give_the_curve_of_one(tmp_path):
    """Shares of 17 and 16 in two microbatches and one, and an epoch ends in a batch of 1: weights make up for all of it."""
    words = [
        "-m",
        "optimizer=adam,momentum",
        "budget.epochs=3",
        "batch_size=33",
        "microbatch=16",
        "logger=none",
        f"output_dir={tmp_path}",
    ]
    for trainer, extra in (("cpu", []), ("ddp", ["trainer.accelerator=cpu", "trainer.devices=2"])):
        line = [sys.executable, str(ROOT / "train.py"), *words, f"trainer={trainer}", *extra, f"sweep={trainer}"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        answer = subprocess.run(line, capture_output=True, text=True, timeout=300, cwd=tmp_path, env=environment)
        assert answer.returncode == 0, answer.stderr
    one, two = ({r.choices["optimizer"]: r for r in records.find(tmp_path / trainer)} for trainer in ("cpu", "ddp"))
    assert set(one) == set(two) == {"adam", "momentum"}
    for optimizer in one:
        single, parallel = records.read_curves(one[optimizer].folder), records.read_curves(two[optimizer].folder)
        for column in ("train/loss", "train/grad_norm", "valid/loss"):
            expected = single[column].drop_nulls().to_list()
            assert len(expected) > 3
            assert parallel[column].drop_nulls().to_list() == pytest.approx(expected, rel=1e-4)
        assert single["batches"].to_list() == parallel["batches"].to_list()
        assert two[optimizer].summary["test"]["accuracy"] == one[optimizer].summary["test"]["accuracy"]
