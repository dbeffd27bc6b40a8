"""How a process ended, in words."""

from __future__ import annotations

import signal

from descentlab.store.record import LOG


def how_it_ended(exitcode: int | None) -> str:
    """What an exit code means for a run, in words."""
    early = "" if exitcode is not None and exitcode < 0 else " before its record was written"
    return f"{cause_of(exitcode)}{early}; see {LOG}"


def cause_of(exitcode: int | None) -> str:
    """What an exit code means: killed by SIGSEGV, exited with code 3."""
    if exitcode is not None and exitcode < 0:
        return f"killed by {signal.Signals(-exitcode).name}"
    return f"exited with code {exitcode}"
