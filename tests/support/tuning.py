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
    manifest: Manifest

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

    @contextmanager
    def command(self, *words: str) -> Iterator[Command]:
        usual = ["hydra/sweeper=tune", "logger=none", f"output_dir={self.folder}", "budget.epochs=null", "budget.steps=90"]
        given = {word.partition("=")[0] for word in words}
        with config_loader(ROOT / "conf") as loader:
            yield Command(loader, [*(word for word in usual if word.partition("=")[0] not in given), *words], multirun=True)

    def tuner(self, *words: str) -> tuple[Tuner, Path]:
        with self.command(*words) as command:
            return plan(command, ProgressView())

    def __call__(self, *words: str, **fake: Any) -> Tuned:
        with self.command(*words) as command:
            tuner, sweep = plan(command, ProgressView())
            for search in tuner.searches:
                search.notify = self.messages.append
            clock = Clock()
            self.patch.setattr(queue, "time", clock)
            self.patch.setattr(watch, "time", clock)
            launcher = FakeLauncher(clock, summary=fake.pop("summary", summary_of), slots=4, **fake)
            records = train(tuner, lambda _: launcher)
            manifest = Manifest.read(sweep)
            assert manifest is not None
            return Tuned(tuner, sweep, records, launcher, manifest)
