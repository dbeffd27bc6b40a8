"""Requests to end a run early: SIGTERM (from a parent or a cluster), SIGUSR2 (a cluster's warning before its time limit)."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGTERM, signal.SIGUSR2)


class Interrupted(BaseException):  # not a subclass of Exception, so that `except Exception` does not catch it
    """Raised in a run that was asked to end."""


class Interruption:
    """Signal handlers that raise Interrupted. After `defer`, they only set `asked`.

    Attributes:
        asked: name of the signal that arrived; empty if none has.
    """

    def __init__(self) -> None:
        self.asked = ""
        self.deferred = False

    def listen(self) -> None:
        """Install the signal handlers."""
        for signum in SIGNALS:
            signal.signal(signum, self._on_signal)

    def _on_signal(self, signum: int, frame: object) -> None:
        self.asked = signal.Signals(signum).name
        if not self.deferred:
            self.deferred = True  # a second signal must not interrupt the end of the run
            raise Interrupted(self.asked)

    def defer(self) -> None:
        """From now on only set `asked`; training checks it at the points where a checkpoint can be saved."""
        self.deferred = True
