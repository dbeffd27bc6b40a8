"""Binary cross-entropy: yes or no."""

from typing import Any

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics import Metric
from torchmetrics.classification import BinaryAccuracy, BinaryAUROC

from descentlab.tasks.base import Batch, Predict, Task


class Binary(Task):
    """One logit (batch, 1) against a target (batch,) of 1.0 or 0.0.

    Args:
        positive: what a target of 1 means.
        task: see Task.
    """

    def __init__(self, positive: str, **task: Any) -> None:
        self.positive = positive
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """-[y log sigmoid(z) + (1 - y) log(1 - sigmoid(z))] for logit z and target y, averaged over examples."""
        inputs, targets = batch
        return binary_cross_entropy_with_logits(predict(inputs).squeeze(1), targets)

    def score(self, outputs: Tensor) -> Tensor:
        """A number in (0, 1), above a half for yes: unlike the sigmoid it keeps the order of logits however large."""
        logit = outputs.squeeze(1).float()
        return 0.5 + 0.5 * logit / (1 + logit.abs())

    def make_metrics(self) -> dict[str, Metric]:
        return {"accuracy": BinaryAccuracy(validate_args=False), "auroc": _BinaryAUROC(validate_args=False)}


class _BinaryAUROC(BinaryAUROC):
    """Takes targets as floats, as the loss does."""

    def update(self, preds: Tensor, target: Tensor) -> None:
        super().update(preds, target.long())
