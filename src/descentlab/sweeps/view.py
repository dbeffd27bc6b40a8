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

from descentlab.store import progress
from descentlab.store.job import Job
from descentlab.store.record import LOG, Record

COLOURS = {"completed": "green", "diverged": "yellow", "interrupted": "magenta"}  # red: a fault
LOG_LINES = 25
MEANINGS = {
    "reused": "finished before and reused (rerun=true trains again)",
    "continued": "go on from their checkpoints ({why})",
    "run again": "run again ({why})",
    "replaced": "replace their results ({why})",
}


class View:
    """Shows the jobs of a sweep. Use as a context manager around the training."""

    def __init__(self, jobs: Sequence[Job], past: Counter[tuple[str, str]]) -> None:
        """`past` counts the jobs by fate and reason (see sweeps.past)."""
        self.console = Console(stderr=True, highlight=False, markup=False)
        self.total = len(jobs)
        self.live: Live | None = None
        self.say(f"{jobs[0].folder.parent}: {self.total} run{'s' * (self.total > 1)}")
        by_fate = {fate: [(reason, n) for (which, reason), n in past.items() if which == fate] for fate, _ in past}
        counts = {fate: sum(n for _, n in reasons) for fate, reasons in by_fate.items()}
        self.done: Counter[str] = Counter({"reused": counts["reused"]} if "reused" in counts else {})
        for fate, meaning in MEANINGS.items():
            if fate in counts:
                why = ", ".join(f"{n} {reason}" for reason, n in sorted(by_fate[fate]))
                self.say(f"{counts[fate]} of {self.total} {meaning}".format(why=why))

    def __enter__(self) -> View:
        if self.console.is_terminal:
            self.live = Live(console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.live:
            self.live.stop()

    def started(self, job: Job) -> None:
        if not self.live:
            self.say(f"started   {job.name}")

    def finished(self, job: Job, record: Record) -> None:
        """Say how `job` ended; of a fault the end of its log, at once."""
        self.done[record.status] += 1
        colour = COLOURS.get(record.status, "red")
        count = f"{self.done.total()}/{self.total}"
        self.say(Text.assemble((f"{record.status:9}", colour), f" {job.name}  {_result(record)}  [{count}]"))
        log = job.folder / LOG
        if not record.status.is_fault or not log.exists():
            return
        lines = log.read_text(errors="replace").splitlines()
        if lines != [record.reason]:  # it says more
            self.say(Text("\n".join(f"  {line}" for line in lines[-LOG_LINES:]), style="dim"))
            self.say(f"  the whole log: {os.path.relpath(log)}")

    def tried(self, job: Job, reason: str, delay: float) -> None:
        """Say that `job` broke and will be tried again."""
        self.say(f"retry     {job.name}  {reason}; again in {delay:g} s")

    def winding_up(self, running: int, waiting: int) -> None:
        """Say what the first Ctrl-C does, and what a second one would."""
        self.say(f"ending: {running} running save a checkpoint, {waiting} waiting will not start (again to end at once)")

    def say(self, text: str | Text) -> None:
        self.console.print(text, soft_wrap=True)

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
        undefined = summary.get("undefined", {}).get("best_valid")
        return record.reason or (f"valid {summary['monitor']} undefined: {undefined}" if undefined else "")
    found = f"valid {summary['monitor']} {summary['best_valid']:.4g} in {summary['train_seconds']:.1f} s"
    return f"{found}  {record.reason}".rstrip()
