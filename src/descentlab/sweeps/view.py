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

from descentlab.launchers.base import Group
from descentlab.store import progress
from descentlab.store.job import Job
from descentlab.store.record import LOG, Record
from descentlab.sweeps.alerts import NewAlerts
from descentlab.sweeps.past import WITHOUT, JobDecision

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
        self.alerts = NewAlerts()

    def __enter__(self) -> ProgressView:
        if self.console.is_terminal:
            self.live = Live(console=self.console, refresh_per_second=4, transient=True)
            self.live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.live:
            self.live.stop()
        if more := self.alerts.summary():
            self.print(more)

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
                for reason, each in reasons:
                    if WITHOUT in reason:
                        self.print(f"{each} of these {reason}, which rerun=true measures")

    def started(self, group: Group) -> None:
        """Print that the jobs of an attempt started; not on a terminal, whose table shows them."""
        if not self.live:
            self.print(f"started   {_name(group)}")

    def finished(self, job: Job, record: Record) -> None:
        """Show how `job` ended, and the end of its log if it ended with a fault."""
        self._show_alerts(job)
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

    def divided(self, number: int, size: int, reason: str) -> None:
        """Show that `number` runs of a fused group are trained in groups of at most `size`, and the reason."""
        how = f"in groups of at most {size}" if size > 1 else "one by one"
        self.print(f"{number} runs of a fused group are trained {how}: {reason}")

    def stopping(self, running: int, waiting: int) -> None:
        """Explain the effect of the first request to stop, and of a second one."""
        self.print(f"stopping: {running} running save a checkpoint, {waiting} waiting will not start (again to stop at once)")

    def print(self, text: str | Text) -> None:
        """Print `text` above the table."""
        self.console.print(text, soft_wrap=True)

    def refresh(self, running: Sequence[Group], waiting: int) -> None:
        """Print new alerts of the running jobs, and redraw the table of a terminal, which has a row for each attempt."""
        for group in running:
            for job in group:
                self._show_alerts(job)
        if self.live:
            self.live.update(self._table(running, waiting))

    def _show_alerts(self, job: Job) -> None:
        for alert in self.alerts.of(job):
            indented = str(alert).replace("\n", "\n" + " " * 10)
            self.print(Text.assemble(("alert    ", "yellow"), f" {job.name}  {indented}"))

    def _table(self, running: Sequence[Group], waiting: int) -> Table:
        ended = ", ".join(f"{count} {status}" for status, count in self.done.items())
        title = ", ".join(filter(None, [ended, f"{sum(map(len, running))} running", f"{waiting} waiting" * (waiting > 0)]))
        table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
        for column in ("run", "state", "step", "loss", "time left"):
            table.add_column(column, justify="left" if column in ("run", "state") else "right")
        for group in running:
            table.add_row(*_row(group))
        return table


def _name(group: Group) -> str:
    return group[0].name if len(group) == 1 else f"{group[0].name} and {len(group) - 1} more as one fused group"


def _row(group: Group) -> tuple[str, str, str, str, str]:
    """Return the cells of an attempt; of a fused group, whose runs train side by side, the progress of the first run."""
    name, state = _name(group), progress.read(group[0].folder)
    if "step" not in state:
        return name, "starting", "", "", ""
    left = progress.remaining(state)
    step = f"{state['step']}/{state['total']}" if state.get("total") else str(state["step"])
    loss = f"{state['loss']:.4g}" if "loss" in state else ""
    return name, "training", step, loss, "" if left is None else f"{left:.0f} s"


def _result(record: Record) -> str:
    """Return the validation metric of `record`; without one, the reason why there is none."""
    summary = record.summary
    if not record.status.is_result or summary.get("best_valid") is None:
        undefined = summary.get("undefined", {}).get("best_valid")
        return record.reason or (f"valid {summary['monitor']} undefined: {undefined}" if undefined else "")
    found = f"valid {summary['monitor']} {summary['best_valid']:.4g} in {summary['train_seconds']:.1f} s"
    return f"{found}  {record.reason}".rstrip()
