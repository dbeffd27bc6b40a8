"""Thread-safe start and exit code of processes of a fork server.

multiprocessing reads an exit code once, from a pipe, when any thread asks for it or starts another process. Without a lock, a
second thread that reads at the same moment finds the pipe empty, and multiprocessing replaces the exit code by 255.
"""

from __future__ import annotations

import threading
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess

_lock = threading.Lock()


def start(process: BaseProcess) -> None:
    """Start `process`."""
    with _lock:
        process.start()


def exit_code(process: BaseProcess) -> int | None:
    """Return the exit code of a started process; None while it runs."""
    with _lock:
        return process.exitcode


def wait_for(process: BaseProcess, seconds: float | None = None) -> int | None:
    """Return the exit code once `process` has ended; None if it still runs after `seconds`."""
    if not wait([process.sentinel], seconds):
        return None
    with _lock:
        process.join()  # a forked process closes its sentinel just before it can be reaped
        return process.exitcode
