"""Metrics of regression: the coefficient of determination."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric

from descentlab.tasks.metrics.undefined import NO_EXAMPLE, no_value


class R2(Metric):
    """1 - sum (y - prediction)^2 / sum (y - mean y)^2, averaged over outputs, as scikit-learn's r2_score.

    Undefined if the split has one example, or if an output has the same target in all of them: the denominator is 0. (In that
    case scikit-learn returns 0 or 1, and torchmetrics raises or returns either.) Sums have 64 bits, since the denominator is a
    difference of large numbers if the mean of the split is far from 0.
    """

    full_state_update = False
    undefined: str = ""
    rows: Tensor
    residual: Tensor  # this state and those below: (outputs,), a scalar before the first update
    total: Tensor
    squares: Tensor
    lowest: Tensor
    highest: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("rows", torch.tensor(0), dist_reduce_fx="sum")
        for name in ("residual", "total", "squares"):
            self.add_state(name, torch.zeros(1), dist_reduce_fx="sum")
        self.add_state("lowest", torch.full((1,), torch.inf), dist_reduce_fx=_lowest)
        self.add_state("highest", torch.full((1,), -torch.inf), dist_reduce_fx=_highest)

    def update(self, predictions: Tensor, targets: Tensor) -> None:
        """Add predictions and targets (batch, outputs)."""
        if not len(targets):
            return
        wide = torch.float32 if targets.device.type == "mps" else torch.float64
        found, wanted = predictions.detach().to(wide), targets.to(wide)
        self.rows += len(targets)
        self.residual = self.residual + (wanted - found).square().sum(0)
        self.total = self.total + wanted.sum(0)
        self.squares = self.squares + wanted.square().sum(0)
        self.lowest = torch.minimum(self.lowest, wanted.amin(0))
        self.highest = torch.maximum(self.highest, wanted.amax(0))

    def compute(self) -> Tensor:
        self.undefined = self._reason()
        if self.undefined:
            return no_value(self)
        variation = self.squares - self.total.square() / self.rows
        return (1 - self.residual / variation).mean()

    def _reason(self) -> str:
        if self.rows < 2:
            return "the {split} split has a single example" if self.rows else NO_EXAMPLE
        return "the targets of the {split} split are all the same" if (self.lowest == self.highest).any() else ""


def _lowest(states: Tensor) -> Tensor:
    """Return the minimum over processes, (processes, outputs) -> (outputs,)."""
    return states.amin(0)


def _highest(states: Tensor) -> Tensor:
    return states.amax(0)
