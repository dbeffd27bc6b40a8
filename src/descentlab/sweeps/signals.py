"""Signals that ask the command to stop: Ctrl-C, SIGTERM, SIGHUP."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self


class StopSignals:
    """Counts the signals that ask the command to stop. Use as a context manager around the training.

    Attributes:
        count: the number of signals received.
        first: the number of the first signal; 0 before there is one.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.count, self.first = 0, 0

    def __enter__(self) -> Self:
        handled = [signum for signum in self.SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]  # nohup ignores SIGHUP
        self.before = {signum: signal.signal(signum, self._receive) for signum in handled}
        return self

    def _receive(self, signum: int, frame: FrameType | None) -> None:
        self.count, self.first = self.count + 1, self.first or signum

    def __exit__(self, *_: object) -> None:
        for signum, handler in self.before.items():
            signal.signal(signum, handler)
