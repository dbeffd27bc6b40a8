"""Commands that are killed or stopped: no process is left, and the same command resumes the runs."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.curves import timeless_curves
from support.waiting import wait_until

from descentlab.store import record as records
from descentlab.store.record import CHECKPOINT, CURVES, RECORD, Record

LONG = ("seed=0,1", "+model.pause=0.02", "budget.steps=1500", "validate_every=300")  # half a minute


def checkpoints(lab) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in (lab.folder / "out" / "s").glob(f"*/{CHECKPOINT}")}


def wait_for_checkpoints(lab, before: dict[str, int], runs: int = 2) -> bool:
    """Wait until `runs` runs have a checkpoint that is newer than `before`; return False if they do not within 90 seconds."""
    return wait_until(lambda: sum(before.get(name) != when for name, when in checkpoints(lab).items()) == runs, 90)


CODES = {signal.SIGKILL: -signal.SIGKILL, signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.slow
@pytest.mark.parametrize(
    "signals",
    [
        (signal.SIGKILL, signal.SIGINT),
        (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, signal.SIGKILL),
    ],
    ids=lambda signals: " ".join(each.name for each in signals),
)
def test_a_command_killed_repeatedly_ends_with_uninterrupted_curves(lab, signals):
    for attempt, signum in enumerate(signals, 1):
        before = checkpoints(lab)
        with lab.running(*LONG) as command:
            assert wait_for_checkpoints(lab, before), lab.output
            command.send_signal(signum)
            assert command.wait(90) == CODES[signum]
            assert lab.is_quiet_within(10), lab.processes()
        assert "Traceback" not in lab.output
        found = records.find(lab.folder / "out" / "s")
        if signum is not signal.SIGKILL:
            assert [(record.status, record.attempt) for record in found] == [("interrupted", attempt)] * 2
            assert all(record.reason.startswith("SIGTERM at step") for record in found)
    last = lab.run(*LONG, NO_PAUSE="1")
    assert last.returncode == 0, last.stderr
    assert "2 of 2 resume from their checkpoints" in last.stderr
    reference = lab.run(*LONG, out="reference", armed=False, NO_PAUSE="1")
    assert reference.returncode == 0, reference.stderr
    for found, whole in zip(*(records.find(lab.folder / out / "s") for out in ("out", "reference")), strict=True):
        assert found.attempt == len(signals) + 1
        assert timeless_curves(found).equals(timeless_curves(whole))


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_hanging_runs(lab):
    with lab.running("+model.fault=hang-mid", "heartbeat=null") as command:
        assert wait_until(lab.markers)
        command.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(3)
        assert command.returncode is None, "the first one gives runs time to save"
        command.send_signal(signal.SIGINT)
        assert command.wait(10) == 130
        assert lab.is_quiet_within(5), lab.processes()
    assert "stopping: 1 running" in lab.output
    assert lab.statuses() == {"hang-mid": "interrupted"}


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_hangs_is_killed_after_its_parent(lab, signum):
    with lab.running("+model.fault=hang-mid", "heartbeat=null") as command:
        assert wait_until(lab.markers)
        command.send_signal(signum)
        assert command.wait(45) == CODES[signum]
        assert lab.is_quiet_within(45), lab.processes()


@pytest.mark.slow
def test_a_command_repeated_immediately_waits_for_runs_of_the_killed_one(lab):
    """A run whose parent process has ended stops after its current step, which takes 22 s here."""
    words = ("+model.pause=22", "budget.steps=3", "log_every=1", "diagnostics=none")
    with lab.running(*words) as command:
        assert wait_for_checkpoints(lab, {}, runs=1), lab.output
        time.sleep(4)
        command.kill()
        command.wait()
    again = lab.run(*words, NO_PAUSE="1")
    assert again.returncode == 0, again.stderr
    (record,) = records.find(lab.folder / "out" / "s")
    assert timeless_curves(record).drop_nulls("train/loss")["step"].to_list() == [0, 1, 2]


@pytest.mark.slow
def test_ctrl_c_before_training_ends_the_command_without_remaining_files_or_processes(lab):
    with lab.running("+model.fault=none") as command:
        assert wait_until(lambda: "loading torch" in lab.output)
        time.sleep(0.3)
        command.send_signal(signal.SIGINT)
        assert command.wait(45) == 130
        assert lab.is_quiet_within(15), lab.processes()
    assert "Traceback" not in lab.output
    assert not list(lab.folder.glob("out/s/*"))


@pytest.mark.slow
def test_a_killed_fork_server_crashes_only_the_running_runs(lab):
    words = ("seed=range(5)", "+model.pause=0.1", "+model.fault=none")
    with lab.running(*words) as command:
        assert wait_for_checkpoints(lab, {})
        done = {path.parent.name for path in (lab.folder / "out" / "s").glob(f"*/{RECORD}")}
        (server,) = [pid for pid, line in lab.processes().items() if "forkserver" in line and parent_of(pid) == command.pid]
        os.kill(server, signal.SIGKILL)
        assert command.wait(90) == 1
    assert "Traceback" not in lab.output
    found = {record.folder.name: str(record.status) for record in records.find(lab.folder / "out" / "s")}
    crashed = {name for name, status in found.items() if status == "crashed"}
    assert len(crashed) in (1, 2)  # two were under way, of which one may have been about to write its record
    assert not crashed & done
    assert sorted(found.values()) == ["completed"] * (5 - len(crashed)) + ["crashed"] * len(crashed)
    again = lab.run(*words)
    assert again.returncode == 0, again.stderr


def parent_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


@pytest.mark.slow
def test_a_single_run_stops_on_a_signal_and_resumes(lab, uninterrupted):
    """`python -m descentlab.run FOLDER`, as a cluster starts it."""
    lab.run("+model.fault=kill-start")
    (folder,) = lab.folders().values()
    (folder / RECORD).unlink()
    line = [sys.executable, "-m", "descentlab.run", str(folder)]
    process = subprocess.Popen(line, env=lab.environment(armed=False), cwd=lab.folder)
    assert wait_until((folder / CHECKPOINT).exists)
    process.send_signal(signal.SIGUSR2)
    assert process.wait(30) == 1
    record = Record.read(folder)
    assert (record.status, record.reason[:15]) == ("interrupted", "SIGUSR2 at step")
    assert (folder / CURVES).exists()
    subprocess.run(line, env=lab.environment(armed=False), cwd=lab.folder, check=True, timeout=60)
    assert timeless_curves(Record.read(folder)).equals(uninterrupted())
