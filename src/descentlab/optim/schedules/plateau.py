"""The schedule that follows the validation metric instead of the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from descentlab.config.types import NonNegative, PositiveFraction, Share, Whole
from descentlab.optim.schedules.base import Schedule


@dataclass
class Standing:
    """What the validations so far amount to: all that changes.

    Args:
        best: the lowest value; where more is better, of minus the metric.
        waited: validations since the last improvement.
        resting: validations of the cooldown that are left.
    """

    multiplier: float = 1.0
    best: float = math.inf
    waited: int = 0
    resting: int = 0


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateau(Schedule):
    """Times `factor` whenever the metric has not improved for more than `patience` validations (torch's ReduceLROnPlateau).

    What counts as an improvement is relative to the size of the best value; torch's is relative to the value with its sign,
    so that there, below zero, somewhat worse counts as better.

    Args:
        mode: whether less or more of the metric is better.
        patience: validations without improvement that are borne.
        threshold: an improvement is more than this part of the best value.
        cooldown: validations after a reduction that are not counted.
        floor: the multiplier never falls below.
    """

    mode: Literal["min", "max"] = "min"
    factor: PositiveFraction = 0.1
    patience: Whole = 3
    threshold: NonNegative = 1e-4
    cooldown: Whole = 0
    floor: Share = 0.0
    standing: Standing = field(default_factory=Standing, init=False, repr=False, compare=False)

    def shape(self, step: int, total: int | None) -> float:
        return self.standing.multiplier

    def observe(self, value: float) -> None:
        now, loss = self.standing, value if self.mode == "min" else -value
        if loss < (now.best if math.isinf(now.best) else now.best - self.threshold * abs(now.best)):
            now.best, now.waited = loss, 0
        else:
            now.waited += 1
        if now.resting:
            now.resting, now.waited = now.resting - 1, 0
        if now.waited > self.patience:
            now.multiplier = max(now.multiplier * self.factor, self.floor)
            now.resting, now.waited = self.cooldown, 0

    def state_dict(self) -> dict[str, float]:
        return asdict(self.standing)

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        vars(self.standing).update(state)
