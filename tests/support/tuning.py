"""Tuning commands whose runs end at once, with a score that a function of their config gives."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT

from descentlab.config.command_line import Command, config_loader
from descentlab.store.job import Job
from descentlab.store.manifest import Arm, Manifest
from descentlab.store.record import Record
from descentlab.sweeps import queue, watch
from descentlab.sweeps.launch import train
from descentlab.sweeps.view import ProgressView
from descentlab.tuning import tuner as tuner_module
from descentlab.tuning.launch import plan
from descentlab.tuning.tuner import Tuner
from support.fake_launcher import Clock, FakeLauncher


def score_of(job: Job) -> float:
    """Return an accuracy that is best at a learning rate of 0.003."""
    return 0.9 - 0.1 * abs(math.log10(job.config["optimizer"]["lr"] / 0.003)) + job.core.seed * 1e-5


def summary_of(job: Job) -> dict[str, Any]:
    """Return the summary of a run of 100 steps that takes 2 seconds, or its share of the budget."""
    steps = job.core.budget.steps or 100
    return {"best_valid": score_of(job), "monitor": "accuracy", "mode": "max", "steps": steps, "train_seconds": steps / 50}


@dataclass
class Tuned:
    """A tuning command that has ended."""

    tuner: Tuner
    sweep: Path
    records: list[Record]
    launcher: FakeLauncher
    left: Manifest | None

    @property
    def manifest(self) -> Manifest:
        """The manifest that the command has left in the folder of the sweep."""
        assert self.left is not None
        return self.left

    @property
    def started(self) -> list[str]:
        """The names of the runs that were started, in their order."""
        return [name for _, names in self.launcher.starts for name in names]

    @property
    def arms(self) -> dict[str, Arm]:
        return {arm.name: arm for arm in self.manifest.arms}


@dataclass
class Commands:
    """Runs tuning commands in one folder with a fake launcher."""

    folder: Path
    patch: pytest.MonkeyPatch
    messages: list[str] = field(default_factory=list)
    config_dir: Path | None = None

    @contextmanager
    def command(self, *words: str) -> Iterator[Command]:
        usual = ["hydra/sweeper=tune", "logger=none", f"output_dir={self.folder}", "budget.epochs=null", "budget.steps=90"]
        given = {word.partition("=")[0] for word in words}
        with config_loader(ROOT / "conf", str(self.config_dir) if self.config_dir else None) as loader:
            yield Command(loader, [*(word for word in usual if word.partition("=")[0] not in given), *words], multirun=True)

    def tuner(self, *words: str) -> tuple[Tuner, Path]:
        with self.command(*words) as command:
            return plan(command, ProgressView())

    def __call__(self, *words: str, **fake: Any) -> Tuned:
        with self.command(*words) as command:
            return self.train(*plan(command, ProgressView()), **fake)

    def train(self, tuner: Tuner, sweep: Path, **fake: Any) -> Tuned:
        """Train the runs of a planned command; `fake` are arguments of FakeLauncher."""
        for source in (tuner, *tuner.searches):
            source.notify = self.messages.append
        clock = Clock()
        for module in (queue, watch, tuner_module):
            self.patch.setattr(module, "time", clock)
        launcher = FakeLauncher(clock, summary=fake.pop("summary", summary_of), slots=4, **fake)
        records = train(tuner, lambda _: launcher)
        tuner.finish(sweep)
        return Tuned(tuner, sweep, records, launcher, Manifest.read(sweep))
