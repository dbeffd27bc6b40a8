"""Intervals of costly probes, whose first two measurements alone may exceed the budget of a short run."""

from __future__ import annotations

from dataclasses import dataclass

from descentlab.diagnostics.measuring.interval import Interval


@dataclass
class CostlyInterval(Interval):
    """An interval whose second measurement waits until the budget allows as much time as the first one took.

    In a run that is too short for that, there is no second measurement.
    """

    _cost: float = 0.0  # of the first measurement
    _second: int | None = None  # the second measurement is made at a multiple of these steps

    @property
    def is_waiting(self) -> bool:
        """True if the step of the second measurement is to be decided at the next row."""
        return self.steps is None and self._first is not None and self._second is None

    def is_due(self, step: int) -> bool:
        if self.steps is None and self._second is not None:
            return step % self._second == 0
        return not self.is_waiting and super().is_due(step)

    def decide(self, step: int, trained: float) -> None:
        """Decide when the second measurement is made, if that is to be decided.

        Args:
            step: one after the first measurement, at which the curves have a row.
            trained: seconds of training before it.
        """
        if not self.is_waiting or self._first is None or step <= self._first[0]:
            return
        trial = Interval(self.budget, self.row)
        trial.add(self._first[0], self._first[1], 0.0)
        trial.add(step, trained, self._cost)
        self._second = trial.steps

    def add(self, step: int, trained: float, cost: float, rows: float = 0.0) -> None:
        if self._first is None:
            self._cost = cost
        super().add(step, trained, cost, rows)
