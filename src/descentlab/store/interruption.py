"""How a run is asked to end early: SIGTERM (a parent, a cluster) or SIGUSR2 (a cluster's warning before its time limit)."""

from __future__ import annotations

import signal

SIGNALS = (signal.SIGTERM, signal.SIGUSR2)


class Interrupted(BaseException):  # no `except Exception` on the way shall keep it
    """The run was asked to end, and did."""


class Interruption:
    """Ends the process by raising Interrupted; once deferred, it only sets `asked`."""

    def __init__(self) -> None:
        self.asked = ""  # by which signal
        self.deferred = False

    def listen(self) -> None:
        for signum in SIGNALS:
            signal.signal(signum, self._on_signal)

    def _on_signal(self, signum: int, frame: object) -> None:
        self.asked = signal.Signals(signum).name
        if not self.deferred:
            self.deferred = True  # a second signal shall not get in the way of winding up
            raise Interrupted(self.asked)

    def defer(self) -> None:
        """From now on it is for the training to look at `asked`, where it can be continued from."""
        self.deferred = True
