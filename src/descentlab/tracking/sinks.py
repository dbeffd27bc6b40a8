"""Sinks for the rows of a run: curves, progress and Weights & Biases, written by its first process."""

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
    """The sinks of `job`. Use as a context manager around its training.

    Args:
        job: only the first process of a run writes anything.
        plan: the run's plan.
        keep: position in the curves at the checkpoint that the run resumes from; 0 if it starts from the beginning.
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
            if self.job.core.logger.project:
                self.tracker = Tracker(self.job, self.curves.kept())
        return self

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write rows of the curves to all sinks."""
        for sink in (self.curves, self.progress, self.tracker):
            if sink:
                sink.write(rows)

    def alive(self) -> None:
        """Report that the run is alive when there is no row to write."""
        if self.progress:
            self.progress.beat()

    def position(self) -> int:
        """Flush the curves to disk and return the position up to which they are written."""
        return self.curves.position() if self.curves else 0

    def write_artifacts(self, artifacts: dict[str, bytes | str]) -> None:
        """Write images and texts, by file name, to the run's folder, and show them in W&B."""
        if not artifacts or not ranks.is_first():
            return
        folder = self.job.folder / EXHIBITS
        folder.mkdir(exist_ok=True)
        for name, content in artifacts.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        if self.tracker:
            self.tracker.show([folder / name for name in artifacts if name.endswith((".png", ".txt"))])

    def conclude(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Report the summary to W&B and finish the curves. Returns further entries of the summary: an error of W&B."""
        if self.tracker:
            self.tracker.conclude(summary)
        if self.curves:
            self.curves.seal()
        return {"wandb": {"error": self.tracker.lost}} if self.tracker and self.tracker.lost else {}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            if self.curves:
                self.curves.close()  # an interrupted or failed run has not sealed them
        finally:
            if self.tracker:
                self.tracker.finish(failed=kind is not None)
