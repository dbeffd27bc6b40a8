"""Learning-rate schedules: pure functions from a step to a multiplier of the optimizer's learning rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Linear warm-up, then the subclass's `shape` over the steps that remain.

    Args:
        warmup: steps over which the multiplier rises linearly to the shape's first value; below 1, a fraction of the run.
    """

    warmup: float = 0

    def __call__(self, step: int, total: int | None) -> float:
        """The multiplier of `step` (from 0) in a run of `total` steps (None: unknown, which only Constant bears)."""
        warmup = in_steps(self.warmup, total)
        if step < warmup:
            return (step + 1) / (warmup + 1) * self.shape(0, None if total is None else total - warmup)
        return self.shape(step - warmup, None if total is None else total - warmup)

    def shape(self, step: int, total: int | None) -> float:
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Constant(Schedule):
    """1 throughout."""

    def shape(self, step: int, total: int | None) -> float:
        return 1.0


@dataclass(frozen=True, kw_only=True)
class Step(Schedule):
    """Multiplied by `gamma` at each milestone.

    Args:
        milestones: in steps after the warm-up, or, below 1, fractions of the steps after it.
    """

    milestones: Sequence[float] = (0.5, 0.75)
    gamma: float = 0.1

    def shape(self, step: int, total: int | None) -> float:
        return self.gamma ** sum(step >= max(1, in_steps(milestone, total)) for milestone in self.milestones)


@dataclass(frozen=True, kw_only=True)
class Cosine(Schedule):
    """final + (1 - final) (1 + cos(pi step / total)) / 2 (arXiv:1608.03983, eq. 5, one period).

    Args:
        final: the multiplier that the end approaches.
    """

    final: float = 0.0

    def shape(self, step: int, total: int | None) -> float:
        progress = min(step / _known(total), 1.0)
        return self.final + (1 - self.final) * 0.5 * (1 + math.cos(math.pi * progress))


def in_steps(amount: float, total: int | None) -> int:
    """`amount` steps, or that fraction of `total` where it is below 1."""
    return round(amount * _known(total)) if 0 < amount < 1 else int(amount)


def _known(total: int | None) -> int:
    if total is None:
        raise ValueError("this schedule must know how many steps the run has: set budget.steps, epochs or examples")
    return max(total, 1)
