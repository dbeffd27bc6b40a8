"""This machine as a place for runs: each in a fresh process, forked from a server that has torch loaded."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from typing import Any, ClassVar

from descentlab.config.compose import refuse
from descentlab.config.machine import beyond_this_machine, cores
from descentlab.launchers import child, preflight
from descentlab.launchers.base import Attempt
from descentlab.launchers.preflight import Findings
from descentlab.launchers.slots import Share, Slots, gpus
from descentlab.parallel import ranks
from descentlab.parallel.post_mortem import how_it_ended
from descentlab.store.job import Job

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


class Local:
    """`hydra/launcher=local`: as many runs at a time as the cores and GPUs allow.

    Raises:
        UsageError: this machine does not have what a job asks for.
    """

    ignores: ClassVar[Mapping[str, str]] = {}

    def __init__(self, jobs: Sequence[Job]) -> None:
        refuse([mistake for job in jobs for mistake in beyond_this_machine(job.config)])
        config = jobs[0].config
        self.workers = config["workers"] or len(jobs)
        self.slots = Slots(cores(), gpus(), config["jobs_per_gpu"])
        self.attempts: list[LocalAttempt] = []
        self.server = fork_server(config["threads"])

    def __enter__(self) -> Local:
        return self

    def __exit__(self, *_: object) -> None:
        for attempt in self.attempts:
            attempt.kill()

    def check(self, jobs: Sequence[Job]) -> Findings:
        return preflight.in_a_process_of(self.server, jobs)

    def adopt(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        return []  # runs here end with the command that started them

    def room(self, jobs: Sequence[Job]) -> int:
        self._settle()
        shares: list[Share] = []
        for job in jobs[: self.workers - len(self.attempts)]:
            share = self.slots.take(job.config)
            if share is None:
                break
            shares.append(share)
        for share in shares:
            self.slots.give_back(share)
        return len(shares)

    def start(self, jobs: Sequence[Job]) -> Sequence[Attempt]:
        started = [LocalAttempt(self.server, job, self._share(job)) for job in jobs]
        self.attempts += started
        return started

    def _share(self, job: Job) -> Share:
        share = self.slots.take(job.config)
        assert share is not None, "room() comes first"
        return share

    def wait(self, attempts: Sequence[Any], seconds: float) -> None:
        wait([attempt.process.sentinel for attempt in attempts], timeout=seconds)

    def _settle(self) -> None:
        """Take back what ended attempts had."""
        for attempt in [attempt for attempt in self.attempts if attempt.ended() is not None]:
            self.attempts.remove(attempt)
            self.slots.give_back(attempt.share)


class LocalAttempt:
    """A process group on this machine."""

    def __init__(self, server: ForkServerContext, job: Job, share: Share) -> None:
        self.job, self.share = job, share
        environment = {**share.environment, **_meeting_point(job)}
        self.process: ForkServerProcess = server.Process(target=child.main, args=(str(job.folder), environment), name=job.name)
        self.process.start()

    def began(self) -> bool:
        return True

    def ended(self) -> str | None:
        code = self.process.exitcode
        return None if code is None else how_it_ended(code)

    def stop(self) -> None:
        """Ask the first process, which tells the others at a step that all agree on."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid or 0, signal.SIGTERM)

    def kill(self) -> None:
        """End the process group: a data-parallel run has several processes."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid or 0, signal.SIGKILL)
        self.process.join()


def fork_server(threads: int) -> ForkServerContext:
    """Processes forked from a server that has torch and Lightning loaded, limited to `threads` each."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if not ranks.started_outside():
        os.environ.pop("SLURM_NTASKS", None)  # inside an allocation, or Lightning would wait for processes that srun starts
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["descentlab.launchers.preload"])
    return server


def _meeting_point(job: Job) -> dict[str, str]:
    """Where the processes of a data-parallel run meet: a port of its own, unless whoever started this names one."""
    if job.processes == 1 or "MASTER_PORT" in os.environ or ranks.started_outside():
        return {}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return {"MASTER_PORT": str(probe.getsockname()[1])}
