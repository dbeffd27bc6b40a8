"""What a person sees while a sweep trains: one table on a terminal, a line per event elsewhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from descentlab.records import LOG, Record, Status
from descentlab.sweeps import progress
from descentlab.sweeps.plan import Job

COLOURS = {"completed": "green", "diverged": "yellow", "failed": "red", "crashed": "red", "interrupted": "magenta"}
LOG_LINES = 25


class View:
    """Shows the jobs of a sweep. Use as a context manager around the training."""

    def __init__(self, jobs: Sequence[Job], reused: int = 0, replaced: int = 0) -> None:
        self.console = Console(stderr=True, highlight=False, markup=False)
        self.total = len(jobs)
        self.done: Counter[str] = Counter({"reused": reused} if reused else {})
        sweep = jobs[0].folder.parent
        self._say(f"{sweep}: {self.total} run{'s' * (self.total > 1)}")
        if reused:
            self._say(f"{reused} of {self.total} finished before and reused (rerun=true trains again)")
        if replaced:
            self._say(f"{replaced} of {self.total} run again: they did not finish, other code made them, or rerun=true")
        self.live = Live(console=self.console, refresh_per_second=4, transient=True) if self.console.is_terminal else None

    def __enter__(self) -> View:
        if self.live:
            self.live.start()
        self._say("loading torch ...")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def started(self, job: Job) -> None:
        if not self.live:
            self._say(f"started   {job.name}")

    def finished(self, job: Job, record: Record) -> None:
        """Say how `job` ended; of a fault the end of its log, at once."""
        self.done[record.status] += 1
        colour = COLOURS.get(record.status, "white")
        count = f"{self.done.total()}/{self.total}"
        self._say(Text.assemble((f"{record.status:9}", colour), f" {job.name}  {_result(record)}  [{count}]"))
        log = job.folder / LOG
        if record.status in (Status.FAILED, Status.CRASHED, Status.TIMEOUT) and log.exists():
            lines = log.read_text(errors="replace").splitlines()[-LOG_LINES:]
            self._say(Text("\n".join(f"  {line}" for line in lines), style="dim"))
            self._say(f"  the whole log: {os.path.relpath(log)}")

    def interrupted(self, waiting: int) -> None:
        self._say(f"interrupted{f'; {waiting} runs were not started' if waiting else ''}: the same command goes on from here")

    def refresh(self, running: Sequence[Job], waiting: int) -> None:
        if self.live:
            self.live.update(self._table(running, waiting))

    def _table(self, running: Sequence[Job], waiting: int) -> Table:
        ended = ", ".join(f"{count} {status}" for status, count in self.done.items())
        title = ", ".join(filter(None, [ended, f"{len(running)} running", f"{waiting} waiting" * (waiting > 0)]))
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        for column in ("run", "state", "step", "loss", "time left"):
            table.add_column(column, justify="left" if column in ("run", "state") else "right")
        for job in running:
            table.add_row(*_row(job))
        return table

    def _say(self, text: str | Text) -> None:
        self.console.print(text, soft_wrap=True)


def _row(job: Job) -> tuple[str, str, str, str, str]:
    state = progress.read(job.folder)
    if "step" not in state:
        return job.name, "starting", "", "", ""
    left = progress.remaining(state)
    step = f"{state['step']}/{state['total']}" if state.get("total") else str(state["step"])
    loss = f"{state['loss']:.4g}" if "loss" in state else ""
    return job.name, "training", step, loss, "" if left is None else f"{left:.0f} s"


def _result(record: Record) -> str:
    summary = record.summary
    if not record.status.is_result or summary.get("best_valid") is None:
        return record.reason
    found = f"valid {summary['monitor']} {summary['best_valid']:.4g} in {summary['train_seconds']:.1f} s"
    return f"{found}  {record.reason}".rstrip()
