"""Sinks for the rows of a run: curves, progress and, for runs logged while they train, W&B; written by its first process."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from descentlab.budget import Plan
from descentlab.parallel import ranks
from descentlab.store import progress
from descentlab.store.job import Job
from descentlab.store.record import EXHIBITS, LAYERS, LAYERS_PARQUET, RowWriter
from descentlab.tracking.mark import mark_live, unmark
from descentlab.tracking.wandb import Tracker, is_live


class Sinks:
    """The sinks of `job`. Use as a context manager around its training.

    Args:
        job: only the first process of a run writes anything.
        plan: the run's plan.
        saved: the checkpoint that the run resumes from, which holds the positions in its files; None: it starts from the
            beginning.
        progress_every: least number of seconds between two writes of the progress.
    """

    def __init__(self, job: Job, plan: Plan, saved: Mapping[str, Any] | None, progress_every: float = progress.EVERY) -> None:
        self.job, self.plan, self.saved, self.progress_every = job, plan, saved or {}, progress_every
        self.curves: RowWriter | None = None
        self.layers: RowWriter | None = None  # opened at its first row
        self.progress: progress.ProgressWriter | None = None
        self.tracker: Tracker | None = None

    def __enter__(self) -> Sinks:
        if ranks.is_first():
            self.progress = progress.ProgressWriter(self.job.folder, self.plan, self.progress_every)
            self.curves = RowWriter(self.job.folder, self.saved.get("written", 0))
            for name in (LAYERS, LAYERS_PARQUET) if not self.saved.get("written_layers") else ():
                (self.job.folder / name).unlink(missing_ok=True)
            unmark(self.job.folder)  # left by an attempt that W&B already has
            if is_live(self.job.core.logger):
                mark_live(self.job.folder)
                self.tracker = Tracker(self.job, self.curves.kept())
        return self

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Write rows of the curves to all sinks."""
        for sink in (self.curves, self.progress, self.tracker):
            if sink:
                sink.write(rows)

    def write_layers(self, rows: list[dict[str, Any]]) -> None:
        """Write rows about layers."""
        if ranks.is_first():
            self._open_layers().write(rows)

    def _open_layers(self) -> RowWriter:
        if self.layers is None:
            self.layers = RowWriter(self.job.folder, self.saved.get("written_layers", 0), LAYERS, LAYERS_PARQUET)
        return self.layers

    def alert(self, alert: Any) -> None:
        """Report an alert, a dataclass of diagnostics.alerts: print it to the log, and show it in the progress and in W&B."""
        if ranks.is_first():
            print(f"{self.job.name}: {alert}", file=sys.stderr)
        for sink in (self.progress, self.tracker):
            if sink:
                sink.alert(alert)

    def kept(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Return the rows of the curves and those about layers that the run that is resumed had written."""
        curves = self.curves.kept() if self.curves and self.saved else []
        return curves, self._open_layers().kept() if self.saved.get("written_layers") and ranks.is_first() else []

    def alive(self) -> None:
        """Report that the run is alive when there is no row to write."""
        if self.progress:
            self.progress.beat()

    def positions(self) -> dict[str, int]:
        """Flush the files to disk and return the positions up to which they are written, by their keys in a checkpoint."""
        layers = self.layers.position() if self.layers else self.saved.get("written_layers", 0)
        return {"written": self.curves.position() if self.curves else 0, "written_layers": layers}

    def write_artifacts(self, artifacts: dict[str, bytes | str]) -> None:
        """Write images and texts, by file name, to the run's folder, and show them in W&B."""
        if not artifacts or not ranks.is_first():
            return
        folder = self.job.folder / EXHIBITS
        folder.mkdir(exist_ok=True)
        for name, content in artifacts.items():
            (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
        if self.tracker:
            self.tracker.show([folder / name for name in artifacts])

    def conclude(self, summary: dict[str, Any]) -> dict[str, Any]:
        """Report the summary to W&B and finish the curves. Returns further entries of the summary: an error of W&B."""
        if self.tracker:
            self.tracker.conclude(summary)
        if self.curves:
            self.curves.seal()
        if self.layers or self.saved.get("written_layers"):
            self._open_layers().seal()
        return {"wandb": {"error": self.tracker.lost}} if self.tracker and self.tracker.lost else {}

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        try:
            for rows in (self.curves, self.layers):
                if rows:
                    rows.close()  # an interrupted or failed run has not sealed them
        finally:
            if self.tracker:
                self.tracker.finish(failed=kind is not None)
