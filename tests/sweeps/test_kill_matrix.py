"""Whatever kills a run, wherever: the others do not notice, its record says so, and the same command makes it good.

Good means: the curves of a sweep that was killed, and typed again, are those of one that nothing ever happened to, bit for bit.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from descentlab.store import checkpoint as checkpoints
from descentlab.store import record as records
from descentlab.store.record import CHECKPOINT, CURVES, RECORD, Record

from .conftest import curves, wait_until

# fault: its status and what its reason says, unless PLACES says otherwise of it where it struck
FAULTS = {
    "kill": ("crashed", "killed by SIGKILL"),
    "segfault": ("crashed", "killed by SIGSEGV"),
    "exit": ("crashed", "exited with code 7"),
    "exit0": ("crashed", "exited with code 0"),
    "leave": ("crashed", "exited with code 0"),
    "raise": ("failed", "ArithmeticError.*broken on purpose"),
    "memory": ("failed", "allocate memory"),
    "terminate": ("interrupted", "SIGTERM"),
    "nan": ("diverged", "loss was nan at step"),
    "hang": ("timeout", "no sign of life for heartbeat=8 seconds"),
    "stop": ("timeout", "no sign of life for heartbeat=8 seconds"),
}
PLACES = {
    ("raise", "record"): ("crashed", "exited with code 1"),  # there is no record to say more, but the log does
    ("memory", "record"): ("crashed", "exited with code 1"),
    ("terminate", "record"): ("completed", ""),  # too late to interrupt anything
}
WHERE = ("start", "mid", "validation", "record")
ALL = [f"{fault}-{where}" for fault in FAULTS for where in WHERE if (fault, where) != ("nan", "record")]
ALL += [f"{fault}-{where}" for fault in ("kill", "raise") for where in ("data", "callback", "before", "test", "checkpoint")]


def expected(fault: str) -> tuple[str, str]:
    what, where = fault.split("-")[:2]
    return PLACES.get((what, where), FAULTS[what])


def swept(faults: list[str]) -> str:
    return f"+model.fault={','.join(['none', *faults])}"


def rows_before(step: int, folder) -> pl.DataFrame:
    """With the time of each, which tells a row that was made once from one that was made again."""
    return records.read_curves(folder).filter(pl.col("step") < step)


class Matrix:
    """The same command twice; what it left each time."""

    def __init__(self, lab, faults: list[str], *words: str) -> None:
        self.faults, self.lab = faults, lab
        words = swept(faults), *(words or ("heartbeat=8",))
        self.first = lab.type_in(*words)
        self.after_first = lab.runs()
        self.logs = {fault: (path / records.LOG).read_text() for fault, path in lab.folders().items()}
        interrupted = {fault: path for fault, path in lab.folders().items() if (path / CHECKPOINT).exists()}
        self.steps = {fault: checkpoints.read(path)["step"] for fault, path in interrupted.items()}
        self.safe = {fault: rows_before(self.steps[fault], path) for fault, path in interrupted.items()}
        self.second = lab.type_in(*words)
        self.after_second = lab.runs()

    def made_once(self, fault: str) -> bool:
        """Whether the rows that a checkpoint had made safe are the very ones of the process that wrote it."""
        safe, folder = self.safe[fault], self.after_second[fault].folder
        return safe.height > 1 and rows_before(self.steps[fault], folder).select(safe.columns).equals(safe)


@pytest.fixture(scope="module", params=[pytest.param(ALL, marks=pytest.mark.slow, id=f"{len(ALL)} faults")])
def matrix(make_lab, request) -> Matrix:
    return Matrix(make_lab(), request.param)


def test_every_run_has_the_status_and_the_reason_of_its_fault(matrix):
    found = {fault: (str(record.status), record.reason) for fault, record in matrix.after_first.items()}
    assert found.pop("none") == ("completed", "")
    assert {fault: status for fault, (status, _) in found.items()} == {fault: expected(fault)[0] for fault in matrix.faults}
    wrong = {fault: why for fault, (_, why) in found.items() if not re.search(expected(fault)[1], why, re.DOTALL)}
    assert not wrong
    assert matrix.first.returncode == 1


def test_a_log_says_what_broke_and_the_screen_shows_it_at_once(matrix):
    for fault in matrix.faults:
        assert f"the fault {fault.split('-')[0]} strikes" in matrix.logs[fault]
    assert matrix.first.stderr.count("ArithmeticError: broken on purpose") >= 3


def test_the_same_command_makes_all_of_them_good(matrix):
    assert matrix.second.returncode == 0, matrix.second.stderr
    left = {fault: str(record.status) for fault, record in matrix.after_second.items() if record.status != "completed"}
    assert left == {fault: "diverged" for fault in matrix.faults if fault.startswith("nan")}
    results = sum(record.status.is_result for record in matrix.after_first.values())
    assert f"{results} of {len(matrix.faults) + 1} finished before and reused" in matrix.second.stderr


def test_the_curves_are_those_of_a_run_that_nothing_happened_to(matrix, uninterrupted):
    whole = uninterrupted()
    assert whole["step"][-1] == 60
    good = {fault: curves(record) for fault, record in matrix.after_second.items() if record.status == "completed"}
    assert set(good) == {fault for fault in ["none", *matrix.faults] if not fault.startswith("nan")}
    assert not [fault for fault, found in good.items() if not found.equals(whole)]


def test_a_divergence_has_the_curve_of_the_others_up_to_there(matrix, uninterrupted):
    whole = uninterrupted().filter(pl.col("step") < 20)["train/loss"].drop_nulls().to_list()
    found = curves(matrix.after_second["nan-mid"]).filter(pl.col("step") < 20)["train/loss"].drop_nulls().to_list()
    assert found == whole != []


def test_what_was_safe_is_not_trained_again(matrix):
    """The row of a step has the very time of the process that made it first."""
    goes_on = {fault for fault in matrix.faults if expected(fault)[0] not in ("completed", "diverged")}
    goes_on = {fault for fault in goes_on if not fault.endswith(("-start", "-data", "-before"))}
    assert set(matrix.safe) >= goes_on
    for fault in goes_on:
        record = matrix.after_second[fault]
        assert record.attempt == 2
        assert matrix.made_once(fault), fault


def test_a_finished_sweep_holds_no_checkpoint_and_no_half_written_file(matrix):
    assert matrix.after_second
    leftovers = [path.name for record in matrix.after_second.values() for path in record.folder.iterdir()]
    assert not {CHECKPOINT, CURVES} & set(leftovers)
    assert not [name for name in leftovers if name.startswith(".") and name != records.ALIVE]


# ---------------------------------------------------------------------------------------------------------- the parent

LONG = ("seed=0,1", "+model.pause=0.02", "budget.steps=300", "validate_every=60")


def saved(lab) -> dict[str, int]:
    return {path.parent.name: path.stat().st_mtime_ns for path in (lab.folder / "out" / "s").glob(f"*/{CHECKPOINT}")}


def let_it_save(lab, before: dict[str, int], runs: int = 2) -> bool:
    """Wait until so many runs have a checkpoint that a command before did not write."""
    return wait_until(lambda: sum(before.get(name) != when for name, when in saved(lab).items()) == runs, 90)


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
def test_a_command_that_is_killed_again_and_again_ends_with_the_curves_of_one_that_was_not(lab, signals):
    for attempt, signum in enumerate(signals, 1):
        before = saved(lab)
        with lab.typing(*LONG) as command:
            assert let_it_save(lab, before), lab.said
            command.send_signal(signum)
            assert command.wait(45) == CODES[signum]
            assert lab.is_quiet_within(10), lab.processes()
        assert "Traceback" not in lab.said
        found = records.find(lab.folder / "out" / "s")
        if signum is not signal.SIGKILL:
            assert [(record.status, record.attempt) for record in found] == [("interrupted", attempt)] * 2
            assert all(record.reason.startswith("SIGTERM at step") for record in found)
    last = lab.type_in(*LONG)
    assert last.returncode == 0, last.stderr
    assert "2 of 2 go on from their checkpoints" in last.stderr
    reference = lab.type_in(*LONG, out="reference", armed=False)
    assert reference.returncode == 0, reference.stderr
    for found, whole in zip(*(records.find(lab.folder / out / "s") for out in ("out", "reference")), strict=True):
        assert found.attempt == len(signals) + 1
        assert curves(found).equals(curves(whole))


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_a_run_that_hangs(lab):
    with lab.typing("+model.fault=hang-mid", "heartbeat=null") as command:
        assert wait_until(lambda: list((lab.folder / "markers").iterdir()))
        command.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            command.wait(3)
        assert command.returncode is None, "the first one gives runs time to save"
        command.send_signal(signal.SIGINT)
        assert command.wait(10) == 130
        assert lab.is_quiet_within(5), lab.processes()
    assert "ending: 1 running" in lab.said
    assert lab.statuses() == {"hang-mid": "interrupted"}


@pytest.mark.slow
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGKILL])
def test_a_run_that_hangs_is_ended_some_time_after_its_parent(lab, signum):
    with lab.typing("+model.fault=hang-mid", "heartbeat=null") as command:
        assert wait_until(lambda: list((lab.folder / "markers").iterdir()))
        command.send_signal(signum)
        assert command.wait(45) == CODES[signum]
        assert lab.is_quiet_within(45), lab.processes()


@pytest.mark.slow
def test_a_command_typed_again_at_once_waits_for_the_runs_that_the_killed_one_left(lab):
    """A run whose parent is gone ends after the step that it is in, which may take its time."""
    words = ("+model.pause=22", "budget.steps=3", "log_every=1")
    with lab.typing(*words) as command:
        assert let_it_save(lab, {}, runs=1), lab.said
        time.sleep(4)
        command.kill()
        command.wait()
    again = lab.type_in(*words)
    assert again.returncode == 0, again.stderr
    (record,) = records.find(lab.folder / "out" / "s")
    assert curves(record).drop_nulls("train/loss")["step"].to_list() == [0, 1, 2]


@pytest.mark.slow
def test_ctrl_c_before_anything_trains_ends_the_command_and_leaves_nothing(lab):
    with lab.typing("+model.fault=none") as command:
        assert wait_until(lambda: "loading torch" in lab.said)
        time.sleep(0.3)
        command.send_signal(signal.SIGINT)
        assert command.wait(45) == 130
        assert lab.is_quiet_within(15), lab.processes()
    assert "Traceback" not in lab.said
    assert not list(lab.folder.glob("out/s/*"))


@pytest.mark.slow
def test_a_killed_fork_server_costs_the_runs_under_way_and_no_other(lab):
    with lab.typing("seed=range(5)", "+model.pause=0.1", "+model.fault=none") as command:
        assert let_it_save(lab, {})
        done = {path.parent.name for path in (lab.folder / "out" / "s").glob(f"*/{RECORD}")}
        (server,) = [pid for pid, line in lab.processes().items() if "forkserver" in line and parent_of(pid) == command.pid]
        os.kill(server, signal.SIGKILL)
        assert command.wait(90) == 1
    assert "Traceback" not in lab.said
    found = {record.folder.name: str(record.status) for record in records.find(lab.folder / "out" / "s")}
    crashed = {name for name, status in found.items() if status == "crashed"}
    assert len(crashed) in (1, 2)  # two were under way, of which one may have been about to write its record
    assert not crashed & done
    assert sorted(found.values()) == ["completed"] * (5 - len(crashed)) + ["crashed"] * len(crashed)
    again = lab.type_in("seed=range(5)", "+model.pause=0.1", "+model.fault=none")
    assert again.returncode == 0, again.stderr


def parent_of(pid: int) -> int:
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    return 0


# ------------------------------------------------------------------------------------------- retries, limits, on_error


@pytest.mark.slow
def test_a_run_that_crashed_or_hung_is_tried_again_and_one_that_failed_or_diverged_is_not(lab, uninterrupted):
    faults = "kill-mid-x2,kill-start-x3,hang-mid,raise-mid,nan-mid"
    answer = lab.type_in(f"+model.fault={faults}", "retries=2", "retry_after=0.5", "heartbeat=8")
    found = lab.runs()
    assert {fault: (str(record.status), record.attempt) for fault, record in found.items()} == {
        "kill-mid-x2": ("completed", 3),
        "kill-start-x3": ("crashed", 3),
        "hang-mid": ("completed", 2),
        "raise-mid": ("failed", 1),
        "nan-mid": ("diverged", 1),
    }
    assert answer.returncode == 1
    assert len(list((lab.folder / "markers").glob(f"{found['kill-start-x3'].id}.*"))) == 3
    delays = {fault: re.findall(rf"retry .*{found[fault].name} .*again in ([\d.]+) s", answer.stderr) for fault in found}
    assert delays["kill-mid-x2"] == delays["kill-start-x3"] == ["0.5", "1"]
    assert delays["hang-mid"] == ["0.5"]
    assert not delays["raise-mid"] + delays["nan-mid"]
    for fault, strikes in (("kill-mid-x2", 2), ("hang-mid", 1)):
        assert curves(found[fault]).equals(uninterrupted())
        log = (found[fault].folder / records.LOG).read_text()
        assert log.count("strikes") == strikes, "it went on: of one that begins anew nothing is left"


@pytest.mark.slow
def test_a_run_that_takes_too_long_is_ended_and_goes_on_under_a_longer_limit(lab, uninterrupted):
    first = lab.type_in("+model.fault=hang-mid,none", "timeout=5")
    assert first.returncode == 1
    assert lab.statuses() == {"hang-mid": "timeout", "none": "completed"}
    assert lab.runs()["hang-mid"].reason == "took more than timeout=5 seconds"
    second = lab.type_in("+model.fault=hang-mid,none", "timeout=300")
    assert second.returncode == 0
    assert "1 of 2 go on from their checkpoints (1 timeout)" in second.stderr
    assert curves(lab.runs()["hang-mid"]).equals(uninterrupted())


@pytest.mark.slow
def test_on_error_stop_ends_the_sweep_at_the_first_fault(lab):
    words = ["+model.fault=raise-mid,none-a,none-b,none-c", "+model.pause=0.02", "on_error=stop"]
    first = lab.type_in(*words)
    assert first.returncode == 1
    assert "on_error=stop: the other runs are asked to end" in first.stderr
    assert lab.statuses() == {"raise-mid": "failed", "none-a": "interrupted"}
    assert lab.runs()["none-a"].reason.startswith("SIGTERM at step")
    second = lab.type_in(*words)
    assert second.returncode == 0
    assert set(lab.statuses().values()) == {"completed"}
    assert len({curves(record).write_json() for record in lab.runs().values()}) == 1


# -------------------------------------------------------------------------------------------------- data-parallel runs

PARALLEL = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2", "heartbeat=30")
RANKS = [
    "kill-mid-r0",
    "kill-mid-r1",
    "raise-mid-r1",
    "segfault-validation-r1",
    "hang-mid-r1",
    "raise-start-r1",
    "exit-record-r0",
]


@pytest.fixture(scope="module")
def parallel(make_lab) -> Matrix:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two cores")
    return Matrix(make_lab(), RANKS, *PARALLEL)


@pytest.mark.slow
def test_one_process_of_several_breaks_and_the_run_has_its_status(parallel):
    found = {fault: (str(record.status), record.reason) for fault, record in parallel.after_first.items()}
    assert found["none"][0] == "completed"
    assert {fault: status for fault, (status, _) in found.items() if fault != "none"} == {
        **{"kill-mid-r0": "crashed", "kill-mid-r1": "crashed", "raise-mid-r1": "failed", "segfault-validation-r1": "crashed"},
        **{"hang-mid-r1": "timeout", "raise-start-r1": "failed", "exit-record-r0": "crashed"},
    }, found
    assert "broken on purpose" in found["raise-mid-r1"][1]
    assert "broken on purpose" in found["raise-start-r1"][1]


@pytest.mark.slow
def test_the_same_command_makes_data_parallel_runs_good(parallel):
    assert parallel.second.returncode == 0, parallel.second.stderr
    assert set(parallel.lab.statuses().values()) == {"completed"}
    whole = curves(parallel.after_second["none"])
    assert not [fault for fault, record in parallel.after_second.items() if not curves(record).equals(whole)]
    for fault in (fault for fault in RANKS if "start" not in fault):
        assert parallel.after_second[fault].attempt == 2
        assert parallel.made_once(fault), fault


# ---------------------------------------------------------------------------------------- folders, disks, W&B's service


@pytest.mark.slow
def test_a_damaged_checkpoint_is_said_and_the_run_begins_anew(lab, uninterrupted):
    lab.type_in("+model.fault=kill-mid,none")
    path = lab.folders()["kill-mid"] / CHECKPOINT
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    answer = lab.type_in("+model.fault=kill-mid,none")
    assert answer.returncode == 0
    record = lab.runs()["kill-mid"]
    assert "restarts" in (record.folder / records.LOG).read_text()
    assert curves(record).equals(uninterrupted())


@contextlib.contextmanager
def mounted(path, *options: str):
    """A file system of its own in the folder `path`."""
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
def test_a_disk_that_fills_costs_nothing_that_is_finished(lab, uninterrupted, logger):
    words = ["+model.fault=none-a,disk-mid,none-b", "workers=1", f"logger={logger}"]
    with mounted(lab.folder / "out", "size=40m"):
        first = lab.type_in(*words)
        assert first.returncode == 1
        assert lab.statuses()["none-a"] == "completed"
        assert "No space left" in first.stderr
        assert "Traceback" not in re.sub(r"(?m)^  .*\n?", "", first.stderr), "of the command itself (a run's is indented)"
        before = (lab.folders()["none-a"] / RECORD).read_bytes()
        (lab.folder / "out" / "filler").unlink()
        second = lab.type_in(*words)
        assert second.returncode == 0, second.stderr
        assert "1 of 3 finished before and reused" in second.stderr
        assert (lab.folders()["none-a"] / RECORD).read_bytes() == before
        assert set(lab.statuses().values()) == {"completed"}
        assert not [fault for fault, record in lab.runs().items() if not curves(record).equals(uninterrupted())]


@pytest.mark.slow
def test_a_folder_that_cannot_be_written_costs_its_run_only(lab, uninterrupted):
    words = ["+model.fault=kill-mid,none"]
    lab.type_in(*words)
    with mounted(lab.folders()["kill-mid"], "ro,size=1m"):
        hidden = lab.type_in(*words)
        assert hidden.returncode == 1
        assert re.search("failed .*its folder cannot be written", hidden.stderr)
        assert "1 of 2 finished before and reused" in hidden.stderr
        assert "Traceback" not in hidden.stderr
    answer = lab.type_in(*words)
    assert answer.returncode == 0
    assert curves(lab.runs()["kill-mid"]).equals(uninterrupted())


@pytest.fixture(scope="module")
def tracked(make_lab) -> Matrix:
    return Matrix(make_lab(), ["tracker-mid", "raise-logger", "kill-mid", "kill-record"], "logger=wandb")


@pytest.mark.slow
def test_what_breaks_in_the_tracker_does_not_hurt_the_run(tracked, uninterrupted):
    for fault in ("tracker-mid", "raise-logger"):
        record = tracked.after_first[fault]
        assert record.status == "completed"
        assert curves(record).equals(uninterrupted())
        assert "Weights & Biases is off for this run" in tracked.logs[fault]


@pytest.mark.slow
def test_a_run_that_goes_on_is_one_run_of_the_tracker_with_the_whole_curve(tracked, uninterrupted):
    assert tracked.second.returncode == 0
    for fault in ("kill-mid", "kill-record", "none"):
        record: Record = tracked.after_second[fault]
        (path,) = (record.folder.parent / "wandb").glob(f"offline-run-*{record.id}*/*.wandb")
        rows, exit_codes = told(path)
        losses = curves(record)["train/loss"].drop_nulls().to_list()
        assert [row["train/loss"] for row in rows if "train/loss" in row] == losses != []
        assert exit_codes == [0]
        assert curves(record).equals(uninterrupted())
    assert len(list((lab_wandb := tracked.lab.folder / "out" / "s" / "wandb").glob("offline-run-*"))) == 5, lab_wandb


def told(path) -> tuple[list[dict], list[int]]:
    """The rows and the exit codes in a .wandb file, as W&B's own reader prints them."""
    import json

    line = [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(path)]
    printed = subprocess.run(line, check=True, capture_output=True, text=True, timeout=60).stdout
    found = [json.loads(each) for each in printed.splitlines()]
    rows = [record["history"]["item"] for record in found if record["type"] == "history"]
    return rows, [record["exit"]["exit_code"] for record in found if record["type"] == "exit"]


@pytest.mark.slow
def test_a_run_of_its_own_is_asked_to_end_and_goes_on_as_one_of_a_sweep_does(lab, uninterrupted):
    """`python -m descentlab.run FOLDER`, as a cluster starts it."""
    lab.type_in("+model.fault=kill-start")
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
    assert curves(Record.read(folder)).equals(uninterrupted())
