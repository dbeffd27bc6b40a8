"""Schedules of momentum."""

from __future__ import annotations

from dataclasses import dataclass

from descentlab.config.types import Count, Fraction
from descentlab.optim.schedules.base import Schedule


@dataclass(frozen=True, kw_only=True)
class IncreasingMomentum(Schedule):
    """min(1 - 1 / (2 k), largest) / largest, where k = floor(step / every) + 1 (Sutskever et al. 2013, eq. 5).

    The paper writes 1 - 2^(-1 - log2(k)). As `momentum_schedule` of an optimizer whose momentum is `largest`, the momentum is
    0.5 for the first `every` steps, then 0.75, 0.833, ..., and at most `largest`.

    Args:
        largest: mu_max, the optimizer's own momentum, in [0, 1); with 0 the multiplier is 1.
        every: steps between two increases.
    """

    largest: Fraction = 0.9
    every: Count = 250

    def shape(self, step: int, total: int | None) -> float:
        if self.largest == 0:
            return 1.0
        return min(1 - 0.5 / (step // self.every + 1), self.largest) / self.largest
