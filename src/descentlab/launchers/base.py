"""The interface between the queue and a launcher: a backend that runs jobs on this machine, on Slurm or on Ray."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from descentlab.launchers.preflight import Findings
from descentlab.store.job import Job
from descentlab.store.record import AT_ONCE, FUSE, STOP_REQUEST

Group = tuple[Job, ...]  # jobs that one attempt runs together, with the resources of the first one
FuseMode = Literal["auto", "always", "never"]
MAX_GROUP = 4096  # runs of a group


@dataclass(frozen=True)
class Fusing:
    """The settings of a launcher for fused groups: runs of equal structure that one process trains together.

    Attributes:
        mode: auto: group all runs that can be, and let the process of a group decide whether single runs are faster; always:
            the process trains the group in any case; never: a process for each run.
        at_once: the number of groups that can run at the same time; a larger number of runs is divided into that many groups.
        largest: the largest number of runs in a group.
    """

    mode: FuseMode = "never"
    at_once: int = 1
    largest: int = MAX_GROUP

    def environment(self, jobs: Group, at_once: int = 1) -> dict[str, str]:
        """Return the variables that pass the mode and `at_once` to the process of a group; none for a single job.

        Args:
            jobs: the group.
            at_once: the number of its runs that could run at the same time if each had its own process. It is 1 where other
                groups use the other cores, as on one machine; 0 counts as 1.
        """
        return {FUSE: self.mode, AT_ONCE: str(max(1, at_once))} if len(jobs) > 1 else {}


class Attempt(Protocol):
    """The processes that were started for a group of jobs."""

    @property
    def jobs(self) -> Group: ...

    def began(self) -> bool:
        """Return True if the attempt runs or has run; False while it waits in a cluster's queue."""
        ...

    def ended(self) -> str | None:
        """Return a description of how the attempt ended, such as "killed by SIGSEGV"; None while it waits or runs."""
        ...

    def stop(self) -> None:
        """Ask the attempt to save a checkpoint and stop."""
        ...

    def kill(self) -> None:
        """Kill all processes of the attempt at once, or remove it from the cluster's queue."""
        ...


class Launcher(AbstractContextManager["Launcher"], Protocol):
    """Starts jobs. Use as a context manager, which holds the resources needed to start them.

    Attributes:
        ignores: keys of the config that have no effect with this launcher -> the key to use instead, or "" if there is none.
        fusing: its settings for fused groups.
    """

    ignores: ClassVar[Mapping[str, str]]
    fusing: Fusing

    def check(self, jobs: Sequence[Job]) -> Findings:
        """Return the mistakes that prevent `jobs` from working with this launcher, and notes for the user. Starts no run.

        Jobs that a source proposes later are checked in another thread, while the queue uses the other methods.
        """
        ...

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        """Return the attempts at `jobs` that an earlier command started and that still run or wait."""
        ...

    def capacity(self, groups: Sequence[Group]) -> int:
        """Return how many of `groups`, counted from the first, can start now."""
        ...

    def start(self, groups: Sequence[Group]) -> Sequence[Attempt]:
        """Start an attempt for each of `groups`. The jobs' configs are saved in their folders."""
        ...

    def wait(self, attempts: Sequence[Attempt], seconds: float) -> None:
        """Return when one of `attempts` may have ended, or after `seconds`."""
        ...


def stop_by_file(attempt: Attempt) -> None:
    """Stop an attempt on a cluster: the node polls for a file. A waiting attempt is removed from the cluster's queue."""
    if not attempt.began():
        attempt.kill()
        return
    for job in attempt.jobs:
        (job.folder / STOP_REQUEST).touch()
