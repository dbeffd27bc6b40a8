"""What the queue asks of a place where runs run: this machine, Slurm, Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import ClassVar, Protocol

from descentlab.launchers.preflight import Findings
from descentlab.store.job import Job
from descentlab.store.record import STOP


class Attempt(Protocol):
    """The processes that were started for a job."""

    @property
    def job(self) -> Job: ...

    def began(self) -> bool:
        """Whether it runs, or has run: a cluster may keep it waiting."""
        ...

    def ended(self) -> str | None:
        """How it ended, in words, "killed by SIGSEGV"; None while it waits or runs."""
        ...

    def stop(self) -> None:
        """Ask it to save a checkpoint and end."""
        ...

    def kill(self) -> None:
        """End at once what is left of it, or take it off the cluster's queue."""
        ...


class Place(AbstractContextManager["Place"], Protocol):
    """Starts runs. Use as a context manager, which ends what it needed for that.

    `ignores`: keys of the config that have no effect here, and the key that has that effect, if there is one.
    """

    ignores: ClassVar[Mapping[str, str]]

    def check(self, jobs: Sequence[Job]) -> Findings:
        """Return what would keep `jobs` from working here, and what a person should know; starts nothing."""
        ...

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        """The attempts at `jobs` that an earlier command has started here and that go on without it."""
        ...

    def room(self, jobs: Sequence[Job]) -> int:
        """How many of `jobs`, from the first on, it would start now."""
        ...

    def start(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        """Start `jobs`, whose configs are saved in their folders."""
        ...

    def wait(self, attempts: Sequence[Attempt], seconds: float) -> None:
        """Return when one of `attempts` may have ended, or after `seconds`."""
        ...


def stop_by_file(attempt: Attempt) -> None:
    """Stop an attempt on a cluster: by a file looked for where it runs; one that has not begun is taken off the queue."""
    if attempt.began():
        (attempt.job.folder / STOP).touch()
    else:
        attempt.kill()
