"""Damaged checkpoints, full disks, and folders that cannot be written."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess

import pytest
from support.curves import timeless_curves

from descentlab.store import record as records
from descentlab.store.record import CHECKPOINT, RECORD


@pytest.mark.slow
def test_a_damaged_checkpoint_is_reported_and_the_run_restarts(lab, uninterrupted):
    lab.run("+model.fault=kill-mid,none")
    path = lab.folders()["kill-mid"] / CHECKPOINT
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    answer = lab.run("+model.fault=kill-mid,none")
    assert answer.returncode == 0
    record = lab.records()["kill-mid"]
    assert re.search("restarts", (record.folder / records.LOG).read_text())
    assert timeless_curves(record).equals(uninterrupted())


@contextlib.contextmanager
def mounted(path, *options: str):
    """Mount a small file system at `path`."""
    path.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(path)]
    if os.getuid() or not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a small file system needs root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("logger", ["none", "wandb"])
def test_a_full_disk_loses_no_finished_run(lab, uninterrupted, logger):
    words = ["+model.fault=none-a,disk-mid,none-b", "workers=1", f"logger={logger}"]
    with mounted(lab.folder / "out", "size=40m"):
        first = lab.run(*words)
        assert first.returncode == 1
        assert lab.statuses()["none-a"] == "completed"
        assert "No space left" in first.stderr
        assert "Traceback" not in re.sub(r"(?m)^  .*\n?", "", first.stderr), "of the command itself (a run's is indented)"
        before = (lab.folders()["none-a"] / RECORD).read_bytes()
        (lab.folder / "out" / "filler").unlink()
        second = lab.run(*words)
        assert second.returncode == 0, second.stderr
        assert "1 of 3 finished before and reused" in second.stderr
        assert (lab.folders()["none-a"] / RECORD).read_bytes() == before
        assert set(lab.statuses().values()) == {"completed"}
        assert not [fault for fault, record in lab.records().items() if not timeless_curves(record).equals(uninterrupted())]


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_fails_its_run_only(lab, uninterrupted):
    words = ["+model.fault=kill-mid,none"]
    lab.run(*words)
    with mounted(lab.folders()["kill-mid"], "ro,size=1m"):
        hidden = lab.run(*words)
        assert hidden.returncode == 1
        assert re.search("failed .*its folder cannot be written", hidden.stderr)
        assert "1 of 2 finished before and reused" in hidden.stderr
        assert "Traceback" not in hidden.stderr
    answer = lab.run(*words)
    assert answer.returncode == 0
    assert timeless_curves(lab.records()["kill-mid"]).equals(uninterrupted())
