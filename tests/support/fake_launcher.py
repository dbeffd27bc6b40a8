"""A launcher without processes, on a simulated clock: attempts end as a script specifies."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from descentlab.launchers.base import Attempt, Fusing, Group
from descentlab.launchers.preflight import Findings
from descentlab.store.job import Job
from descentlab.store.record import PROGRESS, SINGLE, Status, write_json

DIE, HANG, BEAT, QUEUED, DECLINE = (
    "die",
    "hang",
    "beat",
    "queued",
    "decline",
)  # outcomes of an attempt that are no status of its record
DIED = "killed by SIGKILL"
TRAINER = {"accelerator": "cpu", "devices": 1, "num_nodes": 1, "strategy": "auto", "precision": "32-true"}
USUAL = {
    **{"rerun": False, "retries": 0, "retry_after": 4.0, "timeout": None, "heartbeat": None, "on_error": "continue"},
    **{"threads": 1, "workers": None, "jobs_per_gpu": 1, "trainer": TRAINER, "engine": "lightning", "compile": False},
    **{"seed": 0, "data_seed": 0, "batch_size": 32, "microbatch": None, "log_every": 10},
    **{"target": None, "validate_every": None},
    "budget": {"epochs": 1, "steps": None, "examples": None, "seconds": None},
    **{"optimizer": {"_target_": "torch.optim.SGD", "lr": 0.1}, "needs": {}},
    "stop": {"divergence": None, "patience": None, "min_delta": 0.0, "at_target": False},
    **{"checkpoint": {"every": 60, "keep": False}, "deterministic": False, "logger": {"project": None}},
    **{"sweep": None, "output_dir": "outputs", "data_dir": "data", "data": {"_target_": "descentlab.data.digits.Digits"}},
}


def make_job(sweep: Path, name: str, /, **config: Any) -> Job:
    """Return a job whose config holds the core and the node `data`."""
    return Job(name, name, sweep.name, {}, {**USUAL, **config}, sweep / name)


@dataclass
class Clock:
    """Simulated time in seconds."""

    now: float = 100.0

    def monotonic(self) -> float:
        return self.now


class FakeAttempt:
    """An attempt that ends at the second poll, with the outcome of each of its jobs."""

    def __init__(self, launcher: FakeLauncher, jobs: Group) -> None:
        self.launcher, self.jobs = launcher, jobs
        self.outcomes = {job.name: launcher.next_outcome(job) for job in jobs}
        self.polls, self.over = 0, ""
        self.stopped = self.killed = False

    def began(self) -> bool:
        return QUEUED not in self.outcomes.values() or self.polls > self.launcher.queued

    def ended(self) -> str | None:
        self.polls += 1
        if not self.over and self.polls > 1:
            self.over = self._end()
        return self.over or None

    def _end(self) -> str:
        if BEAT in self.outcomes.values() and self.polls < self.launcher.beats:
            for job in self.jobs:
                (job.folder / PROGRESS).touch()
                os.utime(job.folder / PROGRESS, ns=(0, next(self.launcher.ticks)))
            return ""
        if {HANG, QUEUED} & set(self.outcomes.values()):
            return ""
        for job in self.jobs:
            if self.outcomes[job.name] == DECLINE:
                write_json(job.folder / SINGLE, self.launcher.declined)
            elif self.outcomes[job.name] != DIE:
                status = "completed" if self.outcomes[job.name] == BEAT else self.outcomes[job.name]
                record = job.record(Status(status), "")
                record.summary, record.versions = self.launcher.summary(job), job.origin
                record.write(job.folder)
        return DIED if DIE in self.outcomes.values() else "exited with code 0"

    def stop(self) -> None:
        self.stopped = True
        if self.launcher.obedient and not self.over:
            for job in self.jobs:
                job.record(Status.INTERRUPTED, "SIGTERM at step 7").write(job.folder)
            self.over = "exited with code 1"

    def kill(self) -> None:
        self.killed = True
        self.over = self.over or DIED


@dataclass
class FakeLauncher:
    """Starts attempts that end as `outcomes` specifies.

    Args:
        clock: advanced by `wait`.
        outcomes: run name -> the outcome of each of its attempts, a status or one of DIE, ... DECLINE; the last one repeats.
        slots: number of groups that may run at the same time.
        left: attempts that an earlier command left running.
        obedient: True if attempts stop when they are asked to.
        beats: number of polls in which an attempt with the outcome BEAT makes progress.
        queued: number of polls in which an attempt with the outcome QUEUED waits before it begins.
        mistakes: run name -> the mistake that `check` finds.
        summary: returns the summary of a job's record.
        fusing: its settings for fused groups.
        declined: what an attempt with the outcome DECLINE writes.
        outcome_of: returns the outcome of an attempt at a job that `outcomes` does not contain.
    """

    clock: Clock
    outcomes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    slots: int = 2
    left: list[FakeAttempt] = field(default_factory=list)
    obedient: bool = True
    beats: int = 0
    queued: int = 10**9
    mistakes: Mapping[str, str] = field(default_factory=dict)
    summary: Callable[[Job], dict[str, Any]] = lambda job: {}
    outcome_of: Callable[[Job], str] = lambda job: "completed"
    fusing: Fusing = field(default_factory=Fusing)
    declined: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ticks = itertools.count(1_000_000)
        self.tried: dict[str, int] = {}
        self.attempts: list[FakeAttempt] = []
        self.starts: list[tuple[float, tuple[str, ...]]] = []  # when, and the names of the jobs
        self.checked: list[list[str]] = []
        self.most = 0  # attempts at the same time
        self.entered = False
        self.on_wait = lambda: None

    def __enter__(self) -> FakeLauncher:
        self.entered = True
        return self

    def __exit__(self, *_: object) -> None:
        self.entered = False

    def next_outcome(self, job: Job) -> str:
        script, number = self.outcomes.get(job.name) or [self.outcome_of(job)], self.tried.get(job.name, 0)
        self.tried[job.name] = number + 1
        return script[min(number, len(script) - 1)]

    def check(self, jobs: Sequence[Job]) -> Findings:
        self.checked.append([job.name for job in jobs])
        return Findings([self.mistakes[job.name] for job in jobs if job.name in self.mistakes])

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        ids = {job.id for job in jobs}
        return [attempt for attempt in self.left if ids & {job.id for job in attempt.jobs}]

    def running(self) -> int:
        return sum(not attempt.over for attempt in self.attempts)

    def capacity(self, groups: Sequence[Group]) -> int:
        return min(len(groups), self.slots - self.running())

    def start(self, groups: Sequence[Group]) -> Sequence[Attempt]:
        assert self.entered
        started = [FakeAttempt(self, group) for group in groups]
        self.starts += [(self.clock.now, tuple(job.name for job in group)) for group in groups]
        self.attempts += started
        self.most = max(self.most, self.running())
        return started

    def wait(self, attempts: Sequence[Attempt], seconds: float) -> None:
        self.clock.now += seconds
        self.on_wait()
