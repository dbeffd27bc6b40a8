"""Linear regression under the absolute error with Laplace noise: the excess risk in closed form."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import l1_loss
from torchmetrics import Metric

from descentlab.config.types import Positive
from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.metrics.undefined import NO_EXAMPLE


class LaplaceRegression(Task):
    """Task that compares predictions (batch, 1) with targets (batch, 1) by the absolute error.

    The targets of the training split have Laplace noise, those of the other splits have none. The reported loss of a split is
    the absolute error that is expected with noise, so that it is comparable with the training loss.

    Args:
        noise: the scale of the Laplace distribution, > 0.
        task: arguments of Task.
    """

    def __init__(self, noise: Positive, **task: Any) -> None:
        self.noise = noise
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return |prediction - target|, averaged over examples."""
        inputs, targets = batch
        return l1_loss(predict(inputs), targets)

    def reported_loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the expectation of |prediction - target - noise| over the noise, averaged over examples."""
        inputs, targets = batch
        return expected_error(predict(inputs) - targets, self.noise).mean()

    def make_metrics(self) -> dict[str, Metric]:
        return {"excess_risk": ExcessRisk(self.noise)}


class ExcessRisk(Metric):
    """The expected absolute error less its minimum, which is the scale of the noise."""

    undefined = ""
    total: Tensor
    examples: Tensor

    def __init__(self, noise: float) -> None:
        super().__init__()
        self.noise = noise
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("examples", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, preds: Tensor, target: Tensor) -> None:
        self.total = self.total + self.of_each(preds, target).sum()
        self.examples += len(target)

    def of_each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return the excess of each example, shape (examples,)."""
        wide = torch.float32 if preds.device.type == "mps" else torch.float64
        return expected_error((preds - target).to(wide), self.noise).flatten(1).mean(1) - self.noise

    def compute(self) -> Tensor:
        self.undefined = "" if self.examples else NO_EXAMPLE
        return self.total / self.examples


def expected_error(residuals: Tensor, noise: float) -> Tensor:
    """Return E |r + e| = |r| + b exp(-|r| / b) for residuals r and Laplace noise e of scale b, in the shape of `residuals`."""
    return residuals.abs() + noise * torch.exp(-residuals.abs() / noise)
