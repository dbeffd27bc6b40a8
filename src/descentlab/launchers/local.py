"""Run jobs on this machine, each in a fresh process forked from a server that has torch loaded."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, ClassVar

from descentlab.config.compose import refuse
from descentlab.config.machine import beyond_this_machine, cores, cores_of_a_process
from descentlab.launchers import child, preflight, processes
from descentlab.launchers.base import Attempt, FuseMode, Fusing, Group
from descentlab.launchers.preflight import Findings
from descentlab.launchers.server import fork_server
from descentlab.launchers.slots import Share, Slots, gpus
from descentlab.parallel import ranks
from descentlab.parallel.post_mortem import describe_exit
from descentlab.store.job import Job


class Local:
    """`hydra/launcher=local`: run as many attempts at a time as the cores and GPUs of this machine allow.

    Args:
        jobs: the first jobs to run; the first one's config holds the settings of the machine (threads, workers, jobs_per_gpu).
        fuse: see Fusing.mode.

    Raises:
        UsageError: this machine does not have the resources that a job asks for.
    """

    ignores: ClassVar[Mapping[str, str]] = {}

    def __init__(self, jobs: Sequence[Job], fuse: FuseMode = "never") -> None:
        refuse(_beyond_this_machine(jobs))
        core, devices = jobs[0].core, gpus()
        self.workers = core.workers or sys.maxsize
        self.slots = Slots(cores(), devices, core.jobs_per_gpu)
        on_gpus = len(devices) if core.trainer.accelerator != "cpu" else 0  # one group for each GPU
        self.fusing = Fusing(fuse, min(self.workers, on_gpus or max(1, cores() // cores_of_a_process(jobs[0].config))))
        self.attempts: list[LocalAttempt] = []
        self.server = fork_server(core.threads)

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None:
        for attempt in self.attempts:
            attempt.kill()

    def check(self, jobs: Sequence[Job]) -> Findings:
        """Take the trial steps of `jobs` in a process of the fork server."""
        mistakes = _beyond_this_machine(jobs)
        return Findings(mistakes) if mistakes else preflight.check_in_process(self.server, jobs)

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        """Return nothing: runs on this machine end with the command that started them."""
        return []

    def capacity(self, groups: Sequence[Group]) -> int:
        """Return how many of `groups`, counted from the first, find free cores and GPUs."""
        self._collect()
        shares: list[Share] = []
        for group in groups[: self.workers - len(self.attempts)]:
            share = self.slots.take(group[0])
            if share is None:
                break
            shares.append(share)
        for share in shares:
            self.slots.give_back(share)
        return len(shares)

    def start(self, groups: Sequence[Group]) -> Sequence[Attempt]:
        """Fork a process for each of `groups`; `capacity` must have allowed as many."""
        started = [LocalAttempt(self.server, group, self._share(group), self.fusing.environment(group)) for group in groups]
        self.attempts += started
        return started

    def _share(self, group: Group) -> Share:
        share = self.slots.take(group[0])
        assert share is not None, "capacity() is asked first"
        return share

    def wait(self, attempts: Sequence[Any], seconds: float) -> None:
        """Return when a process of `attempts` ends, or after `seconds`."""
        wait([attempt.process.sentinel for attempt in attempts], timeout=seconds)

    def _collect(self) -> None:
        """Release the resources of attempts that ended."""
        for attempt in [attempt for attempt in self.attempts if attempt.ended() is not None]:
            self.attempts.remove(attempt)
            self.slots.give_back(attempt.share)


class LocalAttempt:
    """A process group on this machine."""

    def __init__(self, server: ForkServerContext, jobs: Group, share: Share, fusing: Mapping[str, str]) -> None:
        self.jobs, self.share = jobs, share
        environment = {**share.environment, **_rendezvous(jobs[0]), **fusing}
        folders = [str(job.folder) for job in jobs]
        self.process: ForkServerProcess = server.Process(target=child.main, args=(folders, environment), name=jobs[0].name)
        processes.start(self.process)

    def began(self) -> bool:
        """Return True: a process starts at once."""
        return True

    def ended(self) -> str | None:
        """Return how the process ended; None while it runs."""
        code = processes.exit_code(self.process)
        return None if code is None else describe_exit(code)

    def stop(self) -> None:
        """Send SIGTERM to the first process. All processes of the run then stop after the same step."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process group, since a data-parallel run has several processes."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        processes.wait_for(self.process)


def _beyond_this_machine(jobs: Sequence[Job]) -> list[str]:
    return [mistake for job in jobs for mistake in beyond_this_machine(job.config)]


def _rendezvous(job: Job) -> dict[str, str]:
    """Return the port at which the processes of a data-parallel run meet, unless the environment specifies one."""
    if job.processes == 1 or "MASTER_PORT" in os.environ or ranks.started_outside():
        return {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return {"MASTER_PORT": str(probe.getsockname()[1])}
