"""The progress of a sweep on the screen: a table on a terminal, one line per event elsewhere."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from descentlab.store import progress
from descentlab.store.job import Job
from descentlab.store.record import LOG, Record
from descentlab.sweeps.past import JobDecision

COLOURS = {"completed": "green", "diverged": "yellow", "interrupted": "magenta"}  # colour of each status; faults are red
LOG_LINES = 25
MEANINGS = {
    JobDecision.REUSE: "finished before and reused (rerun=true trains again)",
    JobDecision.RESUME: "resume from their checkpoints ({reasons})",
    JobDecision.RERUN: "run again ({reasons})",
    JobDecision.REPLACE: "replace their results ({reasons})",
}


class ProgressView:
    """Shows the jobs of a sweep. Use as a context manager around the training."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True, highlight=False, markup=False)
        self.total = 0
        self.done: Counter[str] = Counter()  # jobs that ended, by status; "reused" ones included
        self.live: Live | None = None

    def __enter__(self) -> ProgressView:
        if self.console.is_terminal:
            self.live = Live(console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def add(self, sweep: Path, decided: Iterable[tuple[JobDecision, str]]) -> None:
        """Announce further jobs of `sweep`, with the decision about each and its reason."""
        counts = Counter(decided)
        new, more = counts.total(), "more " * (self.total > 0)
        self.total += new
        self.print(f"{sweep}: {new} {more}run{'s' * (new > 1)}")
        for decision, meaning in MEANINGS.items():
            reasons = sorted((reason, number) for (which, reason), number in counts.items() if which is decision)
            if not reasons:
                continue
            number = sum(number for _, number in reasons)
            self.print(f"{number} of {new} {meaning}".format(reasons=", ".join(f"{n} {reason}" for reason, n in reasons)))
            if decision is JobDecision.REUSE:
                self.done["reused"] += number

    def started(self, job: Job) -> None:
        """Print that `job` started; not on a terminal, whose table shows it."""
        if not self.live:
            self.print(f"started   {job.name}")

    def finished(self, job: Job, record: Record) -> None:
        """Show how `job` ended, and the end of its log if it ended with a fault."""
        self.done[record.status] += 1
        colour = COLOURS.get(record.status, "red")
        count = f"{self.done.total()}/{self.total}"
        self.print(Text.assemble((f"{record.status:9}", colour), f" {job.name}  {_result(record)}  [{count}]"))
        log = job.folder / LOG
        if not record.status.is_fault or not log.exists():
            return
        lines = log.read_text(errors="replace").splitlines()
        if lines != [record.reason]:  # the log holds more than the reason
            self.print(Text("\n".join(f"  {line}" for line in lines[-LOG_LINES:]), style="dim"))
            self.print(f"  the whole log: {os.path.relpath(log)}")

    def retried(self, job: Job, reason: str, delay: float) -> None:
        """Show that `job` will be retried after `delay` seconds."""
        self.print(f"retry     {job.name}  {reason}; again in {delay:g} s")

    def stopping(self, running: int, waiting: int) -> None:
        """Explain the effect of the first request to stop, and of a second one."""
        self.print(f"stopping: {running} running save a checkpoint, {waiting} waiting will not start (again to stop at once)")

    def print(self, text: str | Text) -> None:
        """Print `text` above the table."""
        self.console.print(text, soft_wrap=True)

    def refresh(self, running: Sequence[Job], waiting: int) -> None:
        """Redraw the table of a terminal."""
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


def _row(job: Job) -> tuple[str, str, str, str, str]:
    state = progress.read(job.folder)
    if "step" not in state:
        return job.name, "starting", "", "", ""
    left = progress.remaining(state)
    step = f"{state['step']}/{state['total']}" if state.get("total") else str(state["step"])
    loss = f"{state['loss']:.4g}" if "loss" in state else ""
    return job.name, "training", step, loss, "" if left is None else f"{left:.0f} s"


def _result(record: Record) -> str:
    """Return the validation metric of `record`; without one, the reason why there is none."""
    summary = record.summary
    if not record.status.is_result or summary.get("best_valid") is None:
        undefined = summary.get("undefined", {}).get("best_valid")
        return record.reason or (f"valid {summary['monitor']} undefined: {undefined}" if undefined else "")
    found = f"valid {summary['monitor']} {summary['best_valid']:.4g} in {summary['train_seconds']:.1f} s"
    return f"{found}  {record.reason}".rstrip()
