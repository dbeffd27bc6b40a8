"""Clock of a run: counts the seconds of training, without validation, logging, checkpoints and measurements."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from descentlab.training.events import Ended
from descentlab.training.observers import Observer


class Clock(Observer):
    """A stopwatch that runs while steps are taken, and is stopped during validation and inside `paused()`.

    Attributes:
        paused_seconds: inside `paused()` in this process: measurements, rows and checkpoints between steps.
    """

    def __init__(self) -> None:
        self._spent = self.paused_seconds = 0.0
        self._since: float | None = None

    @property
    def seconds(self) -> float:
        """Seconds of training so far."""
        return self._spent + (0.0 if self._since is None else time.perf_counter() - self._since)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop the clock inside this context, if it is running."""
        running, began = self._since is not None, time.perf_counter()
        self._stop()
        try:
            yield
        finally:
            if running:
                self._start()
                self.paused_seconds += time.perf_counter() - began

    def resume_from(self, seconds: float) -> None:
        """Set the seconds that earlier processes spent on the run."""
        self._spent = seconds

    def training(self) -> None:
        self._start()

    def evaluating(self) -> None:
        self._stop()

    def ended(self, event: Ended) -> None:
        self._stop()

    def _start(self) -> None:
        self._since = time.perf_counter()

    def _stop(self) -> None:
        self._spent, self._since = self.seconds, None
