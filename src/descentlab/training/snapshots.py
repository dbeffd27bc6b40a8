"""Snapshots: weights of a run over time, for analyses of its trajectory (scripts/landscape.py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from descentlab.parallel import ranks
from descentlab.store.record import SNAPSHOTS
from descentlab.training.events import CONTINUE, Boundary, Decision, Ended
from descentlab.training.observers import Observer

Weights = dict[str, Any]


class Snapshots(Observer):
    """Writes the weights after each multiple of `every` steps, at which chunks end, and at the end.

    The weights at the start are written, too, and those with which a run resumes.

    Args:
        folder: the run's folder, which gets the folder snapshots with a file STEP.pt for each.
        every: steps between two snapshots.
        copy_weights: returns a copy of the weights and buffers. Collective.
        count: returns the number of steps taken so far.
    """

    def __init__(self, folder: Path, every: int, copy_weights: Callable[[], Weights], count: Callable[[], int]) -> None:
        self.folder, self.every, self.copy_weights, self.count = folder / SNAPSHOTS, every, copy_weights, count
        self.due = 0

    def restore(self) -> Decision:
        self._write(self.count())
        return CONTINUE

    def boundary(self, event: Boundary) -> None:
        if event.step >= self.due:
            self._write(event.step)

    def ended(self, event: Ended) -> None:
        self._write(event.step)

    def _write(self, step: int) -> None:
        self.due = (step // self.every + 1) * self.every
        weights = self.copy_weights()
        if ranks.is_first():
            self.folder.mkdir(exist_ok=True)
            scratch = self.folder / f".{step:09d}.pt"
            torch.save(weights, scratch)
            scratch.replace(self.folder / f"{step:09d}.pt")
