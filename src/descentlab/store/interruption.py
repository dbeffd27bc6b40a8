"""Requests to end a run early: SIGTERM (from a parent or a cluster), SIGUSR2 (a cluster's warning before its time limit)."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGTERM, signal.SIGUSR2)


class Interrupted(BaseException):  # not an Exception, so that no `except Exception` catches it
    """The run was asked to end, and ended."""


class Interruption:
    """Raises Interrupted when a signal arrives; once deferred, it only sets `asked`.

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
        """Leave it to training to check `asked` at points from which the run can be resumed."""
        self.deferred = True
