"""What every schedule is: a linear warm-up and then a shape, as multiples of the optimizer's own learning rate."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from descentlab.config.types import NonNegative


class UnknownEnd(ValueError):
    """Something depends on how many steps the run has, which nobody said."""

    def __init__(self) -> None:
        super().__init__("this schedule must know how many steps the run has: set budget.steps, epochs or examples")


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Linear warm-up, then the subclass's `shape` over the steps that remain.

    Args:
        warmup: steps over which the multiplier rises linearly to the shape's first value; below 1, a fraction of the run.
    """

    warmup: NonNegative = 0

    def __call__(self, step: int, total: int | None) -> float:
        """The multiplier of `step` (from 0) in a run of `total` steps (None: unknown).

        Raises:
            UnknownEnd: `total` is None and `needs_end`.
        """
        after, rest = self._after_warmup(step, total)
        if after < 0:
            return (step + 1) / (step - after + 1) * self.shape(0, rest)
        return self.shape(after, rest)

    def shape(self, step: int, total: int | None) -> float:
        """The multiplier of `step`; both it and `total` count from the end of the warm-up."""
        raise NotImplementedError

    def momentum(self, step: int, total: int | None) -> float | None:
        """The momentum (Adam: the first beta) of `step`; None: the optimizer keeps its own."""
        return None

    def observe(self, value: float) -> None:
        """Take note of the monitored metric after a validation; only what follows the metric does."""

    def state_dict(self) -> dict[str, float]:
        """What was observed, as plain numbers for a checkpoint; empty for what is a pure function of the step."""
        return {}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on from what `state_dict` gave."""

    @property
    def needs_end(self) -> bool:
        """Whether it must know how many steps the run has (`config` says so before a run starts)."""
        try:
            self(0, None)
        except UnknownEnd:
            return True
        return False

    def _after_warmup(self, step: int, total: int | None) -> tuple[int, int | None]:
        """`step` and `total`, counted from the end of the warm-up; a negative step lies within it."""
        warmup = in_steps(self.warmup, total)
        return step - warmup, None if total is None else total - warmup


def in_steps(amount: float, total: int | None) -> int:
    """`amount` steps, or that fraction of `total` where it is below 1."""
    return round(amount * known(total)) if 0 < amount < 1 else int(amount)


def in_whole_steps(amount: float, total: int | None) -> int:
    """As `in_steps`, but at least 1 and rounded up: a period of 1/n of the run fits n times into it, and never once more."""
    return max(1, math.ceil(round(amount * known(total), 6))) if amount < 1 else int(amount)


def known(total: int | None) -> int:
    """`total`, at least 1.

    Raises:
        UnknownEnd: it is None.
    """
    if total is None:
        raise UnknownEnd
    return max(total, 1)
