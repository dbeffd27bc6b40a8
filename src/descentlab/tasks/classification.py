"""Classification: categorical cross-entropy or squared error over several classes."""

from typing import Any, Literal

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from descentlab.config.types import NonNegative
from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.losses.class_error import class_error
from descentlab.tasks.losses.z_loss import z_loss
from descentlab.tasks.metrics.undefined import NO_EXAMPLE, no_value


class Classification(Task):
    """Task that compares logits (batch, num_classes) with classes (batch,).

    Args:
        num_classes: number of classes of the data, >= 2.
        z_loss: the weight of the auxiliary loss `z_loss`, >= 0, which is trained, but not part of reported losses of a split.
        error: cross_entropy, -log softmax(logits)[class]; or squared, half the squared distance of the logits to the one-hot
            vector of the class.
        class_weights: balanced: the error of an example is multiplied by training examples / (num_classes * training examples
            of its class), in scikit-learn's definition, so that all classes count the same; None: all examples count the same.
        loss_dtype: float64: logits are cast to it for the softmax and the loss, which in 32 bits is exactly 0, and so is its
            gradient, where a logit exceeds the others by about 17 (Prieto et al., arXiv:2501.04697); None: that of the logits.
        task: arguments of Task.
    """

    weights: Tensor | None

    def __init__(
        self,
        num_classes: int,
        z_loss: NonNegative = 0.0,
        error: Literal["cross_entropy", "squared"] = "cross_entropy",
        class_weights: Literal["balanced"] | None = None,
        loss_dtype: Literal["float64"] | None = None,
        **task: Any,
    ) -> None:
        self.num_classes, self.z_weight, self.error, self.balanced = num_classes, z_loss, error, class_weights == "balanced"
        self.in_float64 = loss_dtype == "float64"
        super().__init__(**task)
        self.register_buffer("weights", torch.ones(num_classes) if self.balanced else None, persistent=False)

    def setup(self, stage: str) -> None:
        if self.weights is not None:
            counts = torch.bincount(self.data.splits.train[1], minlength=self.num_classes)
            self.weights.copy_(counts.sum() / (self.num_classes * counts.clamp(min=1)))

    @property
    def has_manual_gradient(self) -> bool:
        return not (self.z_weight or self.error != "cross_entropy" or self.balanced or self.in_float64)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the error, plus the weighted auxiliary loss, averaged over examples."""
        inputs, classes = batch
        logits = predict(inputs)
        if self.in_float64:
            logits = logits.double()
        if not self.z_weight:
            return class_error(logits, classes, self.error, self.weights)
        return class_error(logits, classes, self.error, self.weights) + self.z_weight * z_loss(logits)

    def reported_loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the loss without the auxiliary loss."""
        inputs, classes = batch
        logits = predict(inputs)
        if self.in_float64:
            logits = logits.double()
        return class_error(logits, classes, self.error, self.weights)

    def make_metrics(self) -> dict[str, Metric]:
        return {"accuracy": Accuracy(self.num_classes, average="micro", validate_args=False)}


class Accuracy(MulticlassAccuracy):
    """The fraction of examples whose class has the largest logit."""

    undefined = NO_EXAMPLE

    def update(self, preds: Tensor, target: Tensor) -> None:
        if len(target):  # torchmetrics reshapes, which fails for an empty batch
            super().update(preds, target)

    def of_each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return 1.0 for each example whose class has the largest logit, else 0.0, shape (examples,)."""
        return (preds.argmax(1) == target).float()

    def compute(self) -> Tensor:
        rows = self.tp.sum() + self.fn.sum()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
        return super().compute() if rows else no_value(self)
