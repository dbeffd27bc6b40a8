"""Intervals of probes: as short as the budget of the diagnostics allows, fixed after two measurements of their cost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

LONGEST = 10**9  # steps; of probes whose cost no interval makes small enough
LEAST = 0.5  # fraction of the budget that is left to the measurements if those of rows take the rest, or more


@dataclass
class Interval:
    """The steps between two measurements of probes that are measured together.

    Until the interval is fixed, the probes are measured at the first two rows of the curves. The first measurement is slower,
    since memory is allocated and operations are loaded; the second one gives the cost.

    Args:
        budget: the largest fraction of the time of training that the measurements may take, together with those of rows.
        row: steps between two rows of the curves; intervals are multiples of it.
        steps: the interval; None until it is fixed.
    """

    budget: float
    row: int
    steps: int | None = None
    _first: tuple[int, float] | None = None  # step and seconds of training at the first measurement

    @property
    def missing(self) -> int:
        """Number of measurements that the interval still needs to be fixed."""
        return 0 if self.steps is not None else 2 if self._first is None else 1

    def is_due(self, step: int) -> bool:
        """Return True if the probes are measured at `step`, which is one at which the curves have a row."""
        return step % (self.row if self.steps is None else self.steps) == 0

    def add(self, step: int, trained: float, cost: float, rows: float = 0.0) -> None:
        """Take note of a measurement.

        Args:
            step: at which it was made.
            trained: seconds of training before it.
            cost: its seconds.
            rows: seconds of the measurements of a row that the budget includes, too.
        """
        if self.steps is not None:
            return
        if self._first is None or step <= self._first[0]:
            self._first = step, trained
            return
        first, before = self._first
        pace = (trained - before) / (step - first)
        seconds = max(self.budget * pace * self.row - rows, LEAST * self.budget * pace * self.row)  # for each row
        self.steps = next((many * self.row for many in _nice() if cost <= seconds * many), LONGEST)


def _nice() -> Iterator[int]:
    """Yield 1, 2, 5, 10, 20, 50, ... up to LONGEST."""
    for exponent in count():
        for factor in (1, 2, 5):
            if factor * 10**exponent > LONGEST:
                return
            yield factor * 10**exponent
