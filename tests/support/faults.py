"""A user's model and data that break on purpose: the faults of the kill matrix, and the points of a run at which they strike.

Tests put a copy on PYTHONPATH and set `model._target_=faults.Net +model.fault=kill-mid`: kill -9 in the middle of an epoch. A
fault strikes only while the folder FAULT_MARKERS has no marker of it, so that the same command succeeds when it is repeated;
without FAULT_MARKERS nothing breaks. With NO_PAUSE steps are not slowed down. The numbers are the same in all cases.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from descentlab.data.digits import Digits as WholeDigits
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.models.mlp import MLP
from descentlab.store import checkpoint as checkpoints
from descentlab.store import record as records
from descentlab.store.job import Job
from descentlab.store.record import CONFIG, RECORD
from descentlab.tracking import wandb as tracking
from descentlab.training import checkpointing
from descentlab.training.curves import Curves

_measuring: list[bool] = []  # not empty while probes are measured
SOON, MID, SECOND_VALIDATION, STEPS = 10, 35, 40, 60  # of runs with validate_every=20 budget.steps=60


@dataclass(frozen=True)
class Fault:
    """The fault of a run: its kind, the place, the number of attempts in which it strikes, and the rank.

    Written as `kill-mid`, `kill-mid-x2` (in two attempts in a row), `kill-mid-r1` (in rank 1).
    """

    kind: str = "none"
    where: str = ""
    times: int = 1
    rank: int = 0

    @classmethod
    def read(cls, text: str, seed: int) -> Fault:
        kind, *rest = (chaos(seed) if text == "chaos" else text).split("-")
        numbers = {part[0]: int(part[1:]) for part in rest[1:]}
        return cls(kind, rest[0] if rest else "", numbers.get("x", 1), numbers.get("r", 0))


def chaos(seed: int) -> str:
    """Return a fault that depends on the seed, for one run in five; "none" for the others."""
    draw = random.Random(f"chaos {seed}")
    if draw.random() >= 0.2:
        return "none"
    fault = draw.choice(["kill", "segfault", "exit", "hang", "nan", "raise"])
    return f"{fault}-{draw.choice(['start', 'mid', 'validation'])}"


@cache
def fault_of_run() -> tuple[str, Fault]:
    """Return the id and the fault of this run; no fault while it is only rehearsed."""
    if not (Path(sys.argv[1]) / CONFIG).exists():
        return "", Fault()
    job = Job.load(Path(sys.argv[1]))
    return job.id, Fault.read(job.config["model"].get("fault", "none"), job.config["seed"])


def due(where: str) -> bool:
    """Return True if the fault must strike now, and create its marker."""
    id, wanted = fault_of_run()
    folder = os.environ.get("FAULT_MARKERS")
    if not folder or where != wanted.where or int(os.environ.get("LOCAL_RANK", "0")) != wanted.rank:
        return False
    for number in range(wanted.times):
        with contextlib.suppress(FileExistsError):
            (Path(folder) / f"{id}.{number}").touch(exist_ok=False)
            return True
    return False


def strike(where: str) -> bool:
    """Break if the fault must strike now. Return True if the caller must turn its numbers into NaN instead."""
    if not due(where):
        return False
    kind = fault_of_run()[1].kind
    print(f"the fault {kind} strikes ({where})", flush=True)  # noqa: T201
    if kind == "nan":
        return True
    FAULTS[kind]()
    return False


def _signal_me(signum: int) -> Callable[[], None]:
    return lambda: os.kill(os.getpid(), signum)


def _hang() -> None:
    while True:
        time.sleep(1)


def _break() -> None:
    raise ArithmeticError("broken on purpose")


def _run_out_of_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    bound = pages * resource.getpagesize() + 2**29
    resource.setrlimit(resource.RLIMIT_AS, (bound, bound))
    hog = []
    while True:
        hog.append(torch.ones(2**26))


def _fill_the_disk() -> None:
    """Fill the file system of the sweep to the last byte, with a file next to the sweep that tests remove."""
    path = Path(sys.argv[1]).parent.parent / "filler"
    for size in (2**20, 2**12, 2**9, 1):
        with path.open("ab", buffering=0) as file:
            try:
                while shutil.disk_usage(path.parent).free >= 0:
                    if not file.write(b"x" * size):
                        break
            except OSError:
                continue


def _kill_the_tracker() -> None:
    """Kill the process of Weights & Biases."""
    for pid in _children(os.getpid()):
        if "wandb" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)
            return
    raise AssertionError("there is no process of W&B's to kill")


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


FAULTS: dict[str, Callable[[], Any]] = {
    "kill": _signal_me(signal.SIGKILL),
    "segfault": lambda: ctypes.string_at(0),
    "exit": lambda: os._exit(7),
    "exit0": lambda: os._exit(0),
    "leave": lambda: sys.exit(0),
    "hang": _hang,
    "stop": _signal_me(signal.SIGSTOP),
    "terminate": _signal_me(signal.SIGTERM),
    "raise": _break,
    "memory": _run_out_of_memory,
    "disk": _fill_the_disk,
    "tracker": _kill_the_tracker,
}


class Net(MLP):
    """An MLP that breaks. Neither `fault` nor `pause`, the least number of seconds of a step, changes its numbers."""

    def __init__(self, fault: str = "none", pause: float = 0.005, **rest: Any) -> None:
        super().__init__(**rest)
        self.pause = pause  # so that chunks of steps, and with them checkpoints, end between validations too
        self.steps = self.validations_since = 0
        id, wanted = fault_of_run()
        markers = os.environ.get("FAULT_MARKERS")
        again = markers and wanted.times > 1 and (Path(markers) / f"{id}.0").exists()
        self.mid = SOON if again else MID
        if strike("start"):
            torch.nn.init.constant_(self.head.bias, torch.nan)
        _arm()

    def forward(self, x: Tensor) -> Tensor:
        outputs = super().forward(x)
        if _measuring:
            return outputs
        struck = self._step() if self.training else self._validation()
        return outputs * torch.nan if struck else outputs

    def _step(self) -> bool:
        if "NO_PAUSE" not in os.environ:
            time.sleep(self.pause)
        self.steps, self.validations_since = self.steps + 1, 0
        return self.steps == self.mid and strike("mid")

    def _validation(self) -> bool:
        self.validations_since += 1
        if self.steps == SECOND_VALIDATION:
            return strike("validation")
        if self.steps == STEPS and self.validations_since == 2:
            return strike("test")
        return self.steps == 0 and strike("before")


class Digits(WholeDigits):
    """The digits, with a fault while they are loaded."""

    def load(self) -> Any:
        strike("data")
        return super().load()


def _arm() -> None:
    """Make the run save at every opportunity, and break at points outside of user classes."""
    checkpointing.SHARE = 1e9
    Probes.measure = _not_counted(Probes.measure)
    Curves.validated = _before(Curves.validated, "callback", after=2)
    tracking._started = _with_a_broken_log(tracking._started)
    checkpoints.torch.save = _halfway(torch.save)
    write_json = records.write_json

    def write_record(path: Path, content: Any, durable: bool = False) -> None:
        if path.name == RECORD:
            path.with_name(f".{RECORD}.{os.getpid()}").write_text('{"id": "0123')
            strike("record")
        write_json(path, content, durable)

    records.write_json = write_record


def _not_counted(measure: Callable[..., Any]) -> Callable[..., Any]:
    """Return `measure` such that the model takes its forward passes neither for steps nor for validations."""

    def measured(*args: Any) -> Any:
        _measuring.append(True)
        try:
            return measure(*args)
        finally:
            _measuring.pop()

    return measured


def _before(method: Callable[..., Any], where: str, after: int) -> Callable[..., Any]:
    calls = 0

    def wrapped(self: Any, *args: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            strike(where)
        return method(self, *args)

    return wrapped


def _with_a_broken_log(start: Callable[..., Any]) -> Callable[..., Any]:
    def started(*args: Any) -> Any:
        run = start(*args)
        log = run.log

        def broken(*args: Any, **more: Any) -> None:
            strike("logger")
            log(*args, **more)

        run.log = broken
        return run

    return started


def _halfway(save: Callable[..., None]) -> Callable[..., None]:
    """Return a save that leaves half of its third file when it breaks."""
    calls = 0

    def wrapped(state: Any, file: Any, **more: Any) -> None:
        nonlocal calls
        calls += 1
        if calls > 2 and fault_of_run()[1].where == "checkpoint":
            file.write(b"PK\x03\x04 half of a checkpoint")
            file.flush()
            strike("checkpoint")
            file.seek(0)
            file.truncate()
        save(state, file, **more)

    return wrapped
