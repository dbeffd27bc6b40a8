"""Regression: squared, absolute or Huber error."""

from typing import Any, Literal

from torch import Tensor
from torch.nn.functional import huber_loss, l1_loss, mse_loss
from torchmetrics import MeanAbsoluteError, MeanSquaredError, Metric

from descentlab.errors import UsageError
from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.metrics.regression import R2
from descentlab.tasks.metrics.undefined import NO_EXAMPLE

SMALLEST, LARGEST = 1e-30, 1e30  # limits of a target's standard deviation, since metrics in its unit are float32
ERRORS = {"mse": mse_loss, "l1": l1_loss, "huber": huber_loss}


class Regression(Task):
    """Task that compares predictions (batch, outputs) with standardised targets of the same shape.

    Args:
        unit: unit of the target, and of rmse and mae; the loss is in (squared) standard deviations of the target.
        error: mse, l1, or huber (Huber 1964: e^2 / 2 up to one standard deviation, |e| - 1/2 beyond).
        task: arguments of Task.
    """

    target_scale = 1.0  # the unit of the standardised target, from `setup` on

    def __init__(self, unit: str, error: Literal["mse", "l1", "huber"] = "mse", **task: Any) -> None:
        self.unit, self.error = unit, error
        super().__init__(**task)

    @property
    def has_manual_gradient(self) -> bool:
        return self.error == "mse"

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the error of prediction - target, averaged over examples and outputs.

        Raises:
            ValueError: if the shapes differ; broadcasting would compare each prediction with every target.
        """
        inputs, targets = batch
        predictions = predict(inputs)
        if predictions.shape != targets.shape:
            raise ValueError(f"predictions have shape {tuple(predictions.shape)}, targets {tuple(targets.shape)}")
        return ERRORS[self.error](predictions, targets)

    def setup(self, stage: str) -> None:
        scale = self.data.splits.target_scale
        if scale and not SMALLEST < scale < LARGEST:
            raise UsageError(f"the target's standard deviation is {scale:.3g} {self.unit}: give the target in another unit")
        self.target_scale = scale

    def make_metrics(self) -> dict[str, Metric]:
        return {"rmse": _ScaledRMSE(self.target_scale), "mae": _ScaledMAE(self.target_scale), "r2": R2()}


class _ScaledRMSE(MeanSquaredError):
    """The root mean squared error in the unit of the target: `scale` times that of the standardized target."""

    undefined = ""

    def __init__(self, scale: float) -> None:
        super().__init__(squared=False)
        self.scale = scale

    def compute(self) -> Tensor:
        self.undefined = "" if self.total else NO_EXAMPLE
        return super().compute() * self.scale


class _ScaledMAE(MeanAbsoluteError):
    """The mean absolute error in the unit of the target: `scale` times that of the standardized target."""

    undefined = ""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def compute(self) -> Tensor:
        self.undefined = "" if self.total else NO_EXAMPLE
        return super().compute() * self.scale
