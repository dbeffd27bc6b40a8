"""Trains jobs on this machine: a queue, as many fresh processes at a time as the cores allow, each on its own."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path

from filelock import FileLock, Timeout

from descentlab import provenance
from descentlab.config import cores
from descentlab.messages import UsageError
from descentlab.records import LOG, RECORD, Record, Status
from descentlab.sweeps import child, preflight
from descentlab.sweeps.plan import Job
from descentlab.sweeps.view import View

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")


def train(jobs: Sequence[Job]) -> int:
    """Leave a record for every job; returns 0 if all have a result, 1 if some run failed, 130 if interrupted.

    Raises:
        UsageError: a run cannot work; nothing was started.
    """
    todo = [job for job in jobs if not reusable(job)]
    replaced = sum((job.folder / RECORD).exists() for job in todo)
    view = View(jobs, reused=len(jobs) - len(todo), replaced=replaced)
    if todo:
        with _alone_in(todo[0].folder.parent):
            server = fork_server(todo[0].config["threads"])
            _preflight(server, todo)
            queue = Queue(server, todo, view)
            with view:
                try:
                    queue.run()
                except KeyboardInterrupt:
                    queue.interrupt()
                    return 130
    return 0 if all(Record.read(job.folder).status.is_result for job in jobs) else 1


def reusable(job: Job) -> bool:
    """Whether this very code has a result for `job` already."""
    if job.config["rerun"] or not (job.folder / RECORD).exists():
        return False
    try:
        record = Record.read(job.folder)
    except (ValueError, TypeError):  # of another version, or damaged
        return False
    same = record.code.get("package") == provenance.code()["package"] and record.versions == provenance.versions()
    return record.status.is_result and same


def fork_server(threads: int) -> ForkServerContext:
    """Processes forked from a server that has torch and Lightning loaded, limited to `threads` each."""
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["descentlab.sweeps.preload"])
    return server


@contextlib.contextmanager
def _alone_in(sweep: Path) -> Iterator[None]:
    """Hold the sweep's folder, so that the same command typed twice does not train twice into it."""
    sweep.mkdir(parents=True, exist_ok=True)
    lock = FileLock(sweep / ".lock")
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UsageError(f"another command is training {sweep}; wait for it, or give this one a name: sweep=...") from None
    try:
        yield
    finally:
        lock.release()
        if list(sweep.iterdir()) == [sweep / ".lock"]:  # nothing was started
            shutil.rmtree(sweep)


def _preflight(server: ForkServerContext, jobs: Sequence[Job]) -> None:
    answer, question = server.Pipe(duplex=False)
    process = server.Process(target=preflight.main, args=(preflight.calls(jobs), question))
    process.start()
    question.close()
    try:
        mistakes = answer.recv()
    except EOFError:
        raise UsageError("the process that loads torch died; try python -c 'import descentlab.run'") from None
    process.join()
    if mistakes:
        raise UsageError("\n".join([*mistakes, "Nothing was started."]))


class Queue:
    """Starts the next job whenever enough cores are free, and settles those that have ended."""

    def __init__(self, server: ForkServerContext, jobs: Sequence[Job], view: View) -> None:
        self.server, self.view = server, view
        self.waiting = deque(jobs)
        self.running: dict[ForkServerProcess, Job] = {}
        config = jobs[0].config
        self.slots = max(1, cores() // config["threads"])
        self.workers = config["workers"] or len(jobs)

    def run(self) -> None:
        while self.waiting or self.running:
            while self.waiting and self._fits(self.waiting[0]):
                self._start(self.waiting.popleft())
            ended = wait([process.sentinel for process in self.running], timeout=0.25)
            for process in [process for process in self.running if process.sentinel in ended]:
                self._settle(process, self.running.pop(process))
            self.view.refresh(list(self.running.values()), len(self.waiting))

    def _fits(self, job: Job) -> bool:
        taken = sum(other.processes for other in self.running.values())
        alone = not self.running  # a run larger than the machine still gets its turn
        return alone or (len(self.running) < self.workers and taken + job.processes <= self.slots)

    def _start(self, job: Job) -> None:
        _clear(job)
        job.save()
        process = self.server.Process(target=child.main, args=(str(job.folder),), name=job.name)
        process.start()
        self.running[process] = job
        self.view.started(job)

    def _settle(self, process: ForkServerProcess, job: Job) -> None:
        process.join()
        if not (job.folder / RECORD).exists():
            job.record(Status.CRASHED, _death(process.exitcode)).write(job.folder)
        self.view.finished(job, Record.read(job.folder))

    def interrupt(self) -> None:
        """End what runs, and leave records that say so."""
        for process in self.running:
            _signal(process, signal.SIGTERM)
        for process, job in self.running.items():
            process.join(child.GRACE)
            _signal(process, signal.SIGKILL)
            process.join()
            if not (job.folder / RECORD).exists():
                job.record(Status.INTERRUPTED, "Ctrl-C").write(job.folder)
                self.view.finished(job, Record.read(job.folder))
        self.running.clear()
        self.view.interrupted(len(self.waiting))


def _clear(job: Job) -> None:
    """Remove what an earlier attempt at `job` left, its offline W&B files included."""
    shutil.rmtree(job.folder, ignore_errors=True)
    for stale in (job.folder.parent / "wandb").glob(f"*run-*-{job.tracking_id}"):
        shutil.rmtree(stale, ignore_errors=True)


def _signal(process: ForkServerProcess, signum: signal.Signals) -> None:
    """Send `signum` to the process group of a run, which holds the processes of a data-parallel run too."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid or 0, signum)


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        return f"killed by {signal.Signals(-exitcode).name}; see {LOG}"
    return f"exited with code {exitcode} before its record was written; see {LOG}"
