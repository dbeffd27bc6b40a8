"""A schedule that depends on the validation metric instead of the step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from descentlab.config.types import NonNegative, PositiveFraction, Share, Whole
from descentlab.optim.schedules.base import Schedule


@dataclass
class PlateauState:
    """The mutable state of ReduceOnPlateau.

    Args:
        multiplier: the current multiplier of the learning rate.
        best: the lowest value of the metric so far; for mode max, of minus the metric.
        waited: validations since the last improvement.
        resting: remaining validations of the cooldown.
    """

    multiplier: float = 1.0
    best: float = math.inf
    waited: int = 0
    resting: int = 0


@dataclass(frozen=True, kw_only=True)
class ReduceOnPlateau(Schedule):
    """Multiply by `factor` when the metric has not improved for more than `patience` validations (torch's ReduceLROnPlateau).

    The threshold of an improvement is relative to the absolute value of the best; torch's is relative to the signed value, so
    that below zero a slightly worse value counts as an improvement.

    Args:
        mode: min if a lower metric is better, max if a higher one is.
        factor: the factor of each reduction, in (0, 1).
        patience: validations without improvement that are tolerated, >= 0.
        threshold: the least improvement, as a fraction of the absolute value of the best.
        cooldown: validations after a reduction that do not count towards `patience`.
        floor: the lowest multiplier, in [0, 1].
    """

    mode: Literal["min", "max"] = "min"
    factor: PositiveFraction = 0.1
    patience: Whole = 3
    threshold: NonNegative = 1e-4
    cooldown: Whole = 0
    floor: Share = 0.0
    state: PlateauState = field(default_factory=PlateauState, init=False, repr=False, compare=False)

    def shape(self, step: int, total: int | None) -> float:
        return self.state.multiplier

    def observe(self, value: float) -> None:
        now, loss = self.state, value if self.mode == "min" else -value
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
        return asdict(self.state)

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        vars(self.state).update(state)
