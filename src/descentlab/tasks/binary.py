"""Binary classification: cross-entropy, weighted or focal if positive examples are rare."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits
from torchmetrics import Metric

from descentlab.config.types import NonNegative, Positive
from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.metrics.binary import METRICS


class Binary(Task):
    """Task that compares one logit (batch, 1) with a target (batch,) of 1.0 or 0.0.

    Args:
        positive: the meaning of a target of 1.
        metrics: names in descentlab.tasks.metrics.binary.METRICS.
        positive_weight: the weight of the loss of positive examples, > 0; "balanced": negatives / positives of the training
            split.
        focus: the exponent gamma of the focal loss, >= 0 (Lin et al., arXiv:1708.02002, eq. 4, without its alpha); 0 is
            cross-entropy.
        task: arguments of Task.
    """

    weight: Tensor

    def __init__(
        self,
        positive: str,
        metrics: Sequence[str] = ("accuracy", "auroc"),
        positive_weight: Positive | Literal["balanced"] = 1.0,
        focus: NonNegative = 0.0,
        **task: Any,
    ) -> None:
        self.positive, self.names, self.focus = positive, metrics, focus
        super().__init__(**task)
        self.balanced = positive_weight == "balanced"
        self.register_buffer("weight", torch.tensor(1.0 if self.balanced else float(positive_weight)), persistent=False)

    def setup(self, stage: str) -> None:
        if self.balanced:
            targets = self.data.splits.train[1]
            self.weight.fill_(float((len(targets) - targets.sum()) / targets.sum()))

    @property
    def has_manual_gradient(self) -> bool:
        return self.focus == 0 and float(self.weight) == 1

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the mean of -[w y log p + (1 - y) log(1 - p)], p = sigmoid(logit), times (1 - p of the target)^focus."""
        inputs, targets = batch
        logits = predict(inputs).squeeze(1)
        if not self.focus:
            return binary_cross_entropy_with_logits(logits, targets, pos_weight=self.weight.to(logits))
        each = binary_cross_entropy_with_logits(logits, targets, reduction="none")
        missed = -torch.expm1(-each)  # one minus the probability of the target
        return (missed**self.focus * each * torch.where(targets > 0, self.weight.to(logits), 1.0)).mean()

    def score(self, outputs: Tensor) -> Tensor:
        return outputs.squeeze(1)

    def make_metrics(self) -> dict[str, Metric]:
        return {name: METRICS[name]() for name in self.names}
