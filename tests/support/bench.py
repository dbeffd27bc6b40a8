"""A folder in which commands train a paced model with a launcher, and the records and processes they leave."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest
from conftest import ROOT

from descentlab.store import progress
from descentlab.store import record as records
from descentlab.store.record import CHECKPOINT, CONFIG, Record
from support.curves import timeless_curves
from support.processes import kill, processes_with
from support.waiting import wait_until

# The module of the optimizer. Files in the folder PLAY slow its steps down, and make the seventh step break.
PACED = """
import functools, os, sys, time
from pathlib import Path

import torch
import yaml

PLAY = Path(os.environ["PLAY"])


@functools.cache
def seed():
    return yaml.safe_load((Path(sys.argv[1]) / "config.yaml").read_text())["seed"]


class Adam(torch.optim.Adam):
    taken = 0

    def step(self, closure=None):
        self.taken += 1
        if (PLAY / "slow").exists():
            time.sleep(float((PLAY / "slow").read_text()))
        if self.taken == 1 and "SLURM_JOB_ID" in os.environ:  # record which Slurm tasks train
            (PLAY / f"task-{os.environ.get('SLURM_JOB_ID')}.{os.environ.get('SLURM_PROCID')}").touch()
        if self.taken == 7 and (PLAY / f"exit-{seed()}").exists():
            os._exit(7)
        if self.taken == 7 and (PLAY / f"raise-{seed()}").exists():
            raise ArithmeticError("the seventh step")
        return super().step(closure)
"""
TRAINING = (
    *("optimizer=adam", "optimizer._target_=paced.Adam", "schedule=cosine", "trainer=cpu", "logger=none"),
    *("budget.epochs=null", "budget.steps=300", "validate_every=100", "log_every=5", "checkpoint.every=0"),
)
FUSED = ("optimizer._target_=torch.optim.Adam", "hydra.launcher.fuse=always")  # an optimizer with an update rule
AS_TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")


@dataclass
class Bench:
    """Runs commands that all train the same model, in the sweep `s` of `folder`."""

    folder: Path
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sweep, self.play = self.folder / "s", self.folder / "play"
        self.play.mkdir()
        (self.folder / "paced.py").write_text(PACED)
        path = os.pathsep.join(filter(None, [str(self.folder), os.environ.get("PYTHONPATH", "")]))
        own = {"PYTHONPATH": path, "PLAY": str(self.play), "OMP_NUM_THREADS": "1", "COLUMNS": "300"}
        self.environment = {**self.environment, **own}

    def line(self, *words: str) -> list[str]:
        """Return train.py and its words: TRAINING, with `words` in place of the words that set the same keys."""
        keys = {word.partition("=")[0] for word in words}
        usual = [word for word in TRAINING if word.partition("=")[0] not in keys]
        return [str(ROOT / "train.py"), *usual, *words, f"output_dir={self.folder}", "sweep=s"]

    def start(self, *words: str, through: tuple[str, ...] = (), **environment: str) -> subprocess.Popen[str]:
        """Start a command in a separate process group; `through` are the words before train.py."""
        line = [*(through or (sys.executable,)), *self.line(*words)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        every = {**self.environment, **environment}
        started = subprocess.Popen(line, env=every, cwd=self.folder, text=True, start_new_session=True, **pipes)
        self.started.append(started)
        return started

    def run(self, *words: str, through: tuple[str, ...] = (), **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return finish(self.start(*words, through=through, **environment))

    def slow(self, seconds: float = 0.1) -> None:
        """Make every step take `seconds` more, also in runs that are under way."""
        (self.play / "slow").write_text(str(seconds))

    def fast(self) -> None:
        """Undo `slow`."""
        (self.play / "slow").unlink(missing_ok=True)

    def records(self) -> dict[int, Record]:
        """Return the records by seed."""
        return {record.config["seed"]: record for record in records.find(self.sweep)}

    def statuses(self) -> dict[int, str]:
        """Return the statuses by seed."""
        return {seed: str(record.status) for seed, record in self.records().items()}

    def run_folder(self, seed: int) -> Path:
        """Return the folder of the run with that seed.

        Raises:
            LookupError: there is none.
        """
        for config in self.sweep.glob(f"*/{CONFIG}"):
            if f"\nseed: {seed}\n" in config.read_text():
                return config.parent
        raise LookupError(seed)

    def under_way(self, *seeds: int, steps: int = 10) -> bool:
        """Return True if the runs with these seeds have a checkpoint and have trained at least `steps` steps."""
        try:
            folders = [self.run_folder(seed) for seed in seeds]
        except LookupError:
            return False
        return all((f / CHECKPOINT).exists() and progress.read(f).get("step", 0) >= steps for f in folders)

    def wait_for(self, *seeds: int, seconds: float = 90) -> None:
        """Wait until the runs with these seeds are under way."""
        command = self.started[-1]
        wait_until(lambda: self.under_way(*seeds) or command.poll() is not None, seconds, f"the runs with seeds {seeds}")
        if not self.under_way(*seeds):
            pytest.fail(f"the command ended early:\n{command.communicate()}")

    def processes(self) -> dict[int, str]:
        """Return the ids and command lines of the living processes that commands here have started."""
        return processes_with("PLAY", self.play)

    def is_quiet_within(self, seconds: float = 15) -> bool:
        """Return True if all processes end by themselves within `seconds`."""
        return wait_until(lambda: not self.processes(), seconds)

    def close(self) -> None:
        """Kill all processes that a test has started."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        kill(self.processes())


def finish(started: subprocess.Popen[str], seconds: float = 240) -> subprocess.CompletedProcess[str]:
    """Wait for a command; fail with its output so far if it does not end within `seconds`."""
    try:
        output, errors = started.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        pytest.fail(f"{started.args} did not end in {seconds:g} s; its output:\n{error.stdout!r}\n{error.stderr!r}")
    return subprocess.CompletedProcess(started.args, started.returncode, output, errors)


def read_until(started: subprocess.Popen[str], text: str) -> str:
    """Return the standard error of a command up to the first line that contains `text`; all of it if there is none."""
    assert started.stderr is not None
    lines: list[str] = []
    for line in started.stderr:
        lines.append(line)
        if text in line:
            break
    return "".join(lines)


def ordered_curves(record: Record) -> pl.DataFrame:
    """Return the curves of a record without the times, with the columns in alphabetical order."""
    every = timeless_curves(record)
    return every.select(sorted(every.columns))


def close_to(one: pl.DataFrame, other: pl.DataFrame, norms_until: int | None = None) -> bool:
    """Return True if two curves have the same steps and batches, and values that differ by rounding only.

    Args:
        norms_until: the last step whose gradient norms are compared, in which differences of rounding grow; None: the last.
    """
    same = one["step"].to_list() == other["step"].to_list() and one["batches"].to_list() == other["batches"].to_list()
    columns = ("train/loss", "train/grad_norm", "valid/loss")
    if norms_until is not None:
        norm = pl.when(pl.col("step") <= norms_until).then("train/grad_norm").alias("train/grad_norm")
        one, other = one.with_columns(norm), other.with_columns(norm)
    values = ((one[column].drop_nulls().to_list(), other[column].drop_nulls().to_list()) for column in columns)
    return same and all(len(mine) > 3 and mine == pytest.approx(theirs, rel=1e-4) for mine, theirs in values)
