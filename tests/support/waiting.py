"""Waiting for a condition."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(holds: Callable[[], object], seconds: float = 60.0, what: str = "") -> bool:
    """Return True as soon as `holds()` is true, and False after `seconds`.

    Raises:
        TimeoutError: it is not true after `seconds`, and `what` describes what was waited for.
    """
    deadline = time.monotonic() + seconds
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.05)
    if (found := bool(holds())) or not what:
        return found
    raise TimeoutError(f"waited {seconds:g} s for {what}")
