"""Supervision of one attempt: its time limit and its heartbeat.

The process of a fused group trains K runs at the same time, and may take as long as they may one after the other: the sum of
their timeouts. It is alive if any of its runs makes progress.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from descentlab.launchers.base import Attempt, Group
from descentlab.store.record import PROGRESS


@dataclass
class Watch:
    """An attempt and its limits. All times are measured on this machine, even for attempts on other nodes.

    Attributes:
        began: time.monotonic() when the attempt was first seen running; None while it waits in a cluster's queue.
        started: True once the attempt has run, even if a cluster has put it back into its queue since.
        alive_at: time.monotonic() at the last heartbeat, a change of a progress file.
        changed: the modification times of the progress files, in nanoseconds; 0 for a missing file.
        exceeded: a description of the limit that the attempt exceeded; empty if there is none.
        hung: True if the exceeded limit is the heartbeat.
    """

    attempt: Attempt
    began: float | None = None
    started: bool = False
    alive_at: float = 0.0
    changed: tuple[int, ...] = ()
    exceeded: str = ""
    hung: bool = False

    def end(self) -> str | None:
        """Return how the attempt ended, or the limit that it exceeded; None while it waits or runs."""
        ended = self.attempt.ended()
        if ended is not None:
            return ended
        if not self.attempt.began():
            self.began = None  # reset, since a cluster may put an attempt back into its queue
            return None
        if self.began is None:
            self.began = self.alive_at = time.monotonic()
            self.started = True
        self._check_limits()
        return self.exceeded or None

    def _check_limits(self) -> None:
        now = time.monotonic()
        changed = tuple(_modified(job.folder / PROGRESS) for job in self.attempt.jobs)
        if changed != self.changed:
            self.changed, self.alive_at = changed, now
        timeout, heartbeat = _timeout(self.attempt.jobs), _heartbeat(self.attempt.jobs)
        if timeout is not None and self.began is not None and now - self.began > timeout:
            self.exceeded = f"took more than {_name_of_timeout(self.attempt.jobs)}{timeout:g} seconds"
        elif heartbeat is not None and now - self.alive_at > heartbeat:
            self.exceeded, self.hung = f"hung: no progress for heartbeat={heartbeat:g} seconds", True


def _timeout(jobs: Group) -> float | None:
    """Return the sum of the timeouts of `jobs`; None if any has none."""
    timeouts = [job.core.timeout for job in jobs]
    return None if None in timeouts else sum(each for each in timeouts if each is not None)


def _name_of_timeout(jobs: Group) -> str:
    return "timeout=" if len(jobs) == 1 else f"the timeouts of its {len(jobs)} fused runs together, "


def _heartbeat(jobs: Group) -> float | None:
    """Return the longest heartbeat of `jobs`; None if any has none."""
    heartbeats = [job.core.heartbeat for job in jobs]
    return None if None in heartbeats else max(each for each in heartbeats if each is not None)


def _modified(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
