"""Base class of schedules: a linear warm-up, then a shape, as multiples of the optimizer's own learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from descentlab.config.types import NonNegative


class UnknownEnd(ValueError):
    """A schedule depends on the number of steps of the run, which is unknown."""

    def __init__(self) -> None:
        super().__init__("this schedule depends on the number of steps of the run: set budget.steps, epochs or examples")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Linear warm-up, then the subclass's `shape` over the remaining steps.

    Args:
        warmup: steps, >= 0, over which the multiplier rises linearly to the first value of the shape; below 1, a fraction of
            the run.
    """

    warmup: NonNegative = 0

    def __call__(self, step: int, total: int | None) -> float:
        """Return the multiplier at `step` (from 0) of a run of `total` steps (None: unknown).

        Raises:
            UnknownEnd: if `total` is None and `needs_end` is True.
        """
        after, rest = self._after_warmup(step, total)
        if after < 0:
            return (step + 1) / (step - after + 1) * self.shape(0, rest)
        return self.shape(after, rest)

    def shape(self, step: int, total: int | None) -> float:
        """Return the multiplier at `step`; `step` and `total` count from the end of the warm-up."""
        raise NotImplementedError

    def momentum(self, step: int, total: int | None) -> float | None:
        """Return the momentum (for Adam the first beta) at `step`; None leaves the optimizer's own."""
        return None

    def observe(self, value: float) -> None:
        """Receive the monitored metric after a validation; pure functions of the step ignore it."""

    def state_dict(self) -> dict[str, float]:
        """Return the state from observed metrics as plain numbers for a checkpoint; empty for pure functions of the step."""
        return {}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Restore a state that `state_dict` returned."""

    @property
    def needs_end(self) -> bool:
        """True if the schedule depends on the run's number of steps; it is refused before the start if that is unknown."""
        try:
            self(0, None)
        except UnknownEnd:
            return True
        return False

    def _after_warmup(self, step: int, total: int | None) -> tuple[int, int | None]:
        """Return `step` and `total` counted from the end of the warm-up; a negative step lies within the warm-up."""
        warmup = in_steps(self.warmup, total)
        return step - warmup, None if total is None else total - warmup


def in_steps(amount: float, total: int | None) -> int:
    """Return `amount` as a number of steps; below 1 it is a fraction of `total`, rounded to the nearest step."""
    return round(amount * known(total)) if 0 < amount < 1 else int(amount)


def in_whole_steps(amount: float, total: int | None) -> int:
    """Return `amount` as in `in_steps`, but at least 1 and rounded up: a period of 1/n of the run fits n times, not n + 1."""
    return max(1, math.ceil(round(amount * known(total), 6))) if amount < 1 else int(amount)


def known(total: int | None) -> int:
    """Return `total`, at least 1.

    Raises:
        UnknownEnd: if it is None.
    """
    if total is None:
        raise UnknownEnd
    return max(total, 1)
