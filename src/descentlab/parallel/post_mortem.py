"""Descriptions of how a process ended."""

from __future__ import annotations

import signal

from descentlab.store.record import LOG


class Died(Exception):
    """Raised in a process of a run when another process of it has died."""


def describe_exit(exitcode: int | None) -> str:
    """Return a description of the end of a run's process: the meaning of its `exitcode`, and the path of its log."""
    early = "" if exitcode is not None and exitcode < 0 else " before its record was written"
    return f"{cause_of(exitcode)}{early}; see {LOG}"


def cause_of(exitcode: int | None) -> str:
    """Return the meaning of an exit code, for example "killed by SIGSEGV" or "exited with code 3"."""
    if exitcode is not None and exitcode < 0:
        return f"killed by {signal.Signals(-exitcode).name}"
    return f"exited with code {exitcode}"
