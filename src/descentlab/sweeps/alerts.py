"""The alerts of runs that train, for the terminal: the first ones in full, the number of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from descentlab.store import progress
from descentlab.store.alert import Alert, alerts_of
from descentlab.store.job import Job
from descentlab.store.record import PROGRESS

SHOWN = 12  # alerts that are printed in full; more would hide the progress


class NewAlerts:
    """Reads the alerts of runs from their progress files.

    Attributes:
        more: the number of alerts of each rule that `of` did not return because there were too many.
    """

    def __init__(self) -> None:
        self.more: Counter[str] = Counter()
        self.modified: dict[str, int] = {}  # run id -> the time of the progress file that was read last, in nanoseconds
        self.seen: set[tuple[str, Alert]] = set()  # run ids and alerts; a retried run finds alerts again

    def of(self, job: Job) -> Iterator[Alert]:
        """Yield the alerts of `job` that are new and to be shown."""
        try:
            modified = (job.folder / PROGRESS).stat().st_mtime_ns
        except OSError:
            return
        if self.modified.get(job.id) == modified:
            return
        self.modified[job.id] = modified
        for alert in alerts_of(progress.read(job.folder)):
            key = job.id, Alert(**{**alert.stored(), "fixes": tuple(alert.fixes)})
            if key in self.seen:
                continue
            self.seen.add(key)
            if len(self.seen) <= SHOWN:
                yield alert
            else:
                self.more[alert.rule] += 1

    def summary(self) -> str:
        """Return a sentence about the alerts that were not shown; empty if there are none."""
        counts = ", ".join(f"{count} {rule}" for rule, count in self.more.most_common())
        number = self.more.total()
        return f"{number} more alert{'s' * (number > 1)}: {counts}" if number else ""
