"""Finding the processes that a test has started, by a variable of their environment."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterable
from pathlib import Path


def processes_with(variable: str, value: object) -> dict[int, str]:
    """Return the ids and command lines of the living processes whose environment has `variable` set to `value`."""
    wanted, found = f"{variable}={value}".encode(), {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (process / "environ").read_bytes().split(b"\0"):
                found[int(process.name)] = (process / "cmdline").read_text().replace("\0", " ")
    return found


def kill(pids: Iterable[int]) -> None:
    """Kill processes of which some may have ended."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
