"""The run's own clock: it counts training, not validation and not logging."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import lightning as L


class Clock(L.Callback):
    """Runs from the first training batch on, stands still during validation and inside `paused()`."""

    def __init__(self) -> None:
        self._spent = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return self._spent + (0.0 if self._since is None else time.perf_counter() - self._since)

    @contextmanager
    def paused(self) -> Iterator[None]:
        running = self._since is not None
        self._stop()
        yield
        if running:
            self._start()

    def go_on_from(self, seconds: float) -> None:
        """Count on from what an earlier process has spent on the run."""
        self._spent = seconds

    def _start(self) -> None:
        self._since = time.perf_counter()

    def _stop(self) -> None:
        self._spent, self._since = self.seconds, None

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._start()

    def on_validation_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._stop()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._stop()
