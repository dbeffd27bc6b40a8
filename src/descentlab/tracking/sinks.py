"""Where the rows of a run go: its curves, its progress, Weights & Biases; all from its first process."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from descentlab.budget import Plan
from descentlab.parallel import ranks
from descentlab.store.job import Job
from descentlab.store.progress import ProgressWriter
from descentlab.store.record import EXHIBITS, CurveWriter
from descentlab.tracking.wandb import Tracker


class Sinks:
    """The sinks of `job`; use as a context manager around its training.

    Args:
        job: in a process that is not the first of its run, nothing is kept.
        plan: of the run.
        keep: the position in its curves up to which it goes on from a checkpoint; 0: from the beginning.
    """

    def __init__(self, job: Job, plan: Plan, keep: int) -> None:
        self.job, self.plan, self.keep = job, plan, keep
        self.curves: CurveWriter | None = None
        self.progress: ProgressWriter | None = None
        self.tracker: Tracker | None = None

    def __enter__(self) -> Sinks:
        if ranks.is_first():
            self.progress = ProgressWriter(self.job.folder, self.plan)
            self.curves = CurveWriter(self.job.folder, self.keep)
            if self.job.config["logger"]["project"]:
                self.tracker = Tracker(self.job, self.curves.kept())
        return self

    def write(self, rows: list[dict[str, Any]]) -> None:
        for sink in (self.curves, self.progress, self.tracker):
            if sink:
                sink.write(rows)

    def alive(self) -> None:
        """Let whoever watches know that the run goes on, though there is no row to write."""
        if self.progress:
            self.progress.beat()

    def position(self) -> int:
        """The position in the curves up to which everything is safe."""
        return self.curves.position() if self.curves else 0

    def exhibit(self, exhibits: dict[str, bytes | str]) -> None:
        """Keep pictures and texts, by file name."""
        if not exhibits or not ranks.is_first():
            return
        folder = self.job.folder / EXHIBITS
        folder.mkdir(exist_ok=True)
        for name, content in exhibits.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        if self.tracker:
            self.tracker.exhibit([folder / name for name in exhibits if name.endswith((".png", ".txt"))])

    def conclude(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Leave the numbers to quote, and the curves as they will stay; returns what belongs in the summary besides."""
        if self.tracker:
            self.tracker.conclude(summary)
        if self.curves:
            self.curves.seal()
        return {"wandb": {"error": self.tracker.lost}} if self.tracker and self.tracker.lost else {}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self.curves:
            self.curves.close()  # an interrupted or failed run has not sealed them
        if self.tracker:
            self.tracker.finish(failed=kind is not None)
