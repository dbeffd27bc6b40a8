"""Progress files: each run writes one, from which the parent shows the progress of the sweep."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from descentlab.store.alert import Alert
from descentlab.store.record import PROGRESS, read_json, write_json

if TYPE_CHECKING:
    from descentlab.budget import Plan

EVERY = 0.3  # least number of seconds between two writes


class ProgressWriter:
    """Writes the progress of a run. A sink for curve rows.

    The modification time of the file is also the heartbeat by which the parent distinguishes a slow run from one that hangs.

    Args:
        folder: the run's folder.
        plan: the run's plan.
        every: least number of seconds between two writes.
    """

    def __init__(self, folder: Path, plan: Plan, every: float = EVERY) -> None:
        self.path, self.every = folder / PROGRESS, every
        self.written = -every
        self.state: dict[str, Any] = {"total": plan.total, "seconds": plan.seconds}

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Update the progress from curve rows, and write it if it is due."""
        for row in rows:
            self.state |= {"step": row["step"], "train_seconds": row["train_seconds"]}
            self.state |= {"loss": row["train/loss"]} if "train/loss" in row else {}
        self.beat()

    def alert(self, alert: Alert) -> None:
        """Add an alert, and write it at once."""
        self.state.setdefault("alerts", []).append(alert.stored())
        self._write()

    def beat(self) -> None:
        """Write the progress again if the last write was at least `every` seconds ago."""
        if time.monotonic() - self.written >= self.every:
            self._write()

    def _write(self) -> None:
        write_json(self.path, self.state)
        self.written = time.monotonic()


def read(folder: Path) -> Mapping[str, Any]:
    """Return the last progress of the run in `folder`; empty if it has not written any."""
    return read_json(folder / PROGRESS)


def remaining(state: Mapping[str, Any]) -> float | None:
    """Return the estimated seconds of training left, at the average pace so far; None if unknown."""
    spent, step = state.get("train_seconds", 0.0), state.get("step", 0)
    bounds = []
    if state.get("total") and step:
        bounds.append(spent / step * (state["total"] - step))
    if state.get("seconds"):
        bounds.append(state["seconds"] - spent)
    return max(0.0, min(bounds)) if bounds else None
