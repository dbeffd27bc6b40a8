"""A schedule that grows: for learning-rate range tests."""

from __future__ import annotations

from dataclasses import dataclass

from descentlab.config.types import PositiveShare
from descentlab.optim.schedules.base import Schedule, known


@dataclass(frozen=True, kw_only=True)
class ExponentialGrowth(Schedule):
    """first^(1 - step / last), which grows from `first` to 1 at the last step.

    It is for range tests (Smith, arXiv:1506.01186, section 3.3). There the rate grows linearly; exponential growth, as in
    fastai's `lr_find`, spends as many steps on each decade.

    Args:
        first: the multiplier of the first step, in (0, 1].
    """

    first: PositiveShare = 1e-7

    def shape(self, step: int, total: int | None) -> float:
        return self.first ** (1 - min(1.0, step / max(known(total) - 1, 1)))
