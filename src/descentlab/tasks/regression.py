"""Mean squared error: a number."""

from typing import Any

from torch import Tensor
from torch.nn.functional import mse_loss
from torchmetrics import MeanSquaredError, Metric, R2Score

from descentlab.tasks.base import Batch, Predict, Task


class Regression(Task):
    """Predictions (batch, outputs) against standardised targets of the same shape.

    Args:
        unit: of the target; rmse is in it, the loss is in standard deviations squared.
        task: see Task.
    """

    def __init__(self, unit: str, **task: Any) -> None:
        self.unit = unit
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """(prediction - target)^2, averaged over examples and outputs.

        Raises:
            ValueError: the shapes differ; broadcasting would compare each prediction with every target.
        """
        inputs, targets = batch
        predictions = predict(inputs)
        if predictions.shape != targets.shape:
            raise ValueError(f"predictions have shape {tuple(predictions.shape)}, targets {tuple(targets.shape)}")
        return mse_loss(predictions, targets)

    def setup(self, stage: str) -> None:
        scale = self.trainer.datamodule.splits.target_scale  # pyright: ignore[reportAttributeAccessIssue]
        for scores in (self.valid, self.test):
            scores.metrics["rmse"].scale = scale

    def make_metrics(self) -> dict[str, Metric]:
        return {"rmse": _ScaledRMSE(), "r2": R2Score()}


class _ScaledRMSE(MeanSquaredError):
    """The root mean squared error in the target's own unit: `scale` times that of the standardised target."""

    scale = 1.0

    def __init__(self) -> None:
        super().__init__(squared=False)

    def compute(self) -> Tensor:
        return super().compute() * self.scale
