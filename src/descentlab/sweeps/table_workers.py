"""The processes that train the parts of a table, and the loop that gives them work."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

from descentlab.config.machine import cores
from descentlab.errors import UsageError
from descentlab.launchers import processes
from descentlab.launchers.server import fork_server
from descentlab.launchers.slots import Slots, gpus
from descentlab.parallel.post_mortem import describe_exit
from descentlab.store.job import Job
from descentlab.store.record import LOG
from descentlab.store.table import RunTable
from descentlab.sweeps.launch import print_error
from descentlab.sweeps.signals import StopSignals

PATIENCE = 10.0  # seconds that a process may take to end
REPORT_EVERY = 10.0  # seconds between two lines of progress


def serve(folder: str, environment: dict[str, str], requests: Connection) -> None:
    """Become a process that trains parts; its output goes to the log in the table's folder. It ends with its parent."""
    os.environ.update(environment)
    os.setsid()  # Ctrl-C then reaches only the parent, which ends this process
    parent = multiprocessing.parent_process()
    assert parent is not None, "started by the fork server"
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    log = os.open(Path(folder) / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    os.dup2(log, 1)
    os.dup2(log, 2)
    importlib.import_module("descentlab.run_table").serve(Path(folder).parent, requests)  # it imports torch


def _end_with(parent: BaseProcess) -> None:
    parent.join()
    os.kill(os.getpid(), signal.SIGKILL)  # parts are written atomically


class Worker:
    """A process that trains parts, and the connection to it.

    Attributes:
        part: the part that it trains; None before it is ready.
    """

    def __init__(self, server: ForkServerContext, folder: Path, environment: dict[str, str]) -> None:
        self.connection, other = multiprocessing.Pipe()
        self.process: Any = server.Process(target=serve, args=(str(folder), environment, other), name="table")
        processes.start(self.process)
        other.close()
        self.environment = environment
        self.part: int | None = None

    def receive(self) -> tuple[str, Any]:
        """Return the reply; ("ended", how) if the process died."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            return "ended", describe_exit(processes.wait_for(self.process) or 0)

    def end(self, patience: float = 0.0) -> None:
        """End the process: it has `patience` seconds to end by itself, which it does when the connection is closed."""
        self.connection.close()
        processes.wait_for(self.process, patience)
        self.process.kill()
        processes.wait_for(self.process)


class Workers:
    """Processes that train the missing parts of a table, as many as the cores and GPUs allow. Use as a context manager.

    The first one checks the runs and compiles their program; the others start when it is ready.

    Attributes:
        failures: a sentence for each part that has no result.
    """

    def __init__(self, job: Job, table: RunTable) -> None:
        self.job, self.table = job, table
        self.server = fork_server(job.core.threads)
        self.parts = table.missing
        self.done, self.diverged = 0, 0
        self.failures: list[str] = []
        self.workers: list[Worker] = []
        self.reported = self.began = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.workers:
            worker.end()

    def train(self, signals: StopSignals) -> None:
        """Train until no part is left or a signal arrives. A part that fails is left out.

        Raises:
            UsageError: the runs cannot be stacked; nothing was trained.
        """
        total = sum(len(self.table.parts[part]) for part in self.parts)
        shares = self._shares()
        self._start(shares[:1])
        while self.workers and not signals.count:
            for connection in wait([worker.connection for worker in self.workers], timeout=0.5):
                worker = next(each for each in self.workers if each.connection is connection)
                kind, content = worker.receive()
                if kind == "ready" and not self.done and len(self.workers) == 1 and len(shares) > 1:
                    self._start(shares[1:])
                    self.began = time.monotonic()
                self._handle(worker, kind, content)
            self._report(total)
        self._report(total, is_last=True)

    def check(self) -> None:
        """Start one process, which checks the runs, and train nothing.

        Raises:
            UsageError: the runs cannot be stacked.
        """
        self._start(self._shares()[:1])
        kind, content = self.workers[0].receive()
        if kind != "ready":
            raise UsageError(f"{content}\nNothing was started.")
        self.workers.pop().end(PATIENCE)

    def _shares(self) -> list[dict[str, str]]:
        """Return the environment of each process that can be started."""
        slots = Slots(cores(), gpus(), self.job.core.jobs_per_gpu)
        most = min(self.job.core.workers or len(self.parts), len(self.parts))
        found: list[dict[str, str]] = []
        while len(found) < most and (share := slots.take(self.job)) is not None:
            found.append(share.environment)
        return found

    def _start(self, environments: Sequence[dict[str, str]]) -> None:
        self.workers += [Worker(self.server, self.table.folder, each) for each in environments]

    def _handle(self, worker: Worker, kind: str, content: Any) -> None:
        """Take note of a reply, and give the worker its next part, or end it."""
        if kind == "mistake":
            raise UsageError(f"{content}\nNothing was started.")
        if kind == "done":
            assert worker.part is not None, "it has replied to a request"
            self.done += len(self.table.parts[worker.part])
            self.diverged += content
        if kind in ("failed", "ended"):
            runs = self.table.parts[worker.part] if worker.part is not None else range(0)
            which = f"runs {runs[0]:,} to {runs[-1]:,}" if runs else "a process"
            self.failures.append(f"{which}: {content}; see {self.table.folder / LOG}")
            if self.job.core.on_error == "stop":
                self.parts.clear()
        if self.parts and kind != "ended":
            worker.part = self.parts.pop(0)
            worker.connection.send(worker.part)
        else:
            worker.end(PATIENCE)
            self.workers.remove(worker)
            if self.parts and worker.part is not None:  # it died while it trained a part; another process takes the next one
                self._start([worker.environment])

    def _report(self, total: int, is_last: bool = False) -> None:
        """Print the progress, at most every REPORT_EVERY seconds."""
        now = time.monotonic()
        if self.done and (is_last or now - self.reported > REPORT_EVERY):
            self.reported = now
            left = (now - self.began) / self.done * (total - self.done)
            rest = f", {left:,.0f} s left" if not is_last else f" in {now - self.began:,.0f} s"
            print_error(f"{self.done:,} of {total:,} runs trained, {self.diverged:,} of them diverged{rest}")
