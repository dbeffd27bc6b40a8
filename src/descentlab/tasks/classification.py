"""Classification: categorical cross-entropy over several classes."""

from typing import Any

from torch import Tensor
from torch.nn.functional import cross_entropy
from torchmetrics import Metric
from torchmetrics.classification import MulticlassAccuracy

from descentlab.tasks.base import Batch, Predict, Task
from descentlab.tasks.metrics.undefined import NO_EXAMPLE, no_value


class Classification(Task):
    """Task that compares logits (batch, num_classes) with classes (batch,).

    Args:
        num_classes: number of classes of the data, >= 2.
        task: arguments of Task.
    """

    def __init__(self, num_classes: int, **task: Any) -> None:
        self.num_classes = num_classes
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return -log softmax(logits)[class], averaged over examples."""
        inputs, classes = batch
        return cross_entropy(predict(inputs), classes)

    def make_metrics(self) -> dict[str, Metric]:
        return {"accuracy": Accuracy(self.num_classes, average="micro", validate_args=False)}


class Accuracy(MulticlassAccuracy):
    """The fraction of examples whose class has the largest logit."""

    undefined = NO_EXAMPLE

    def update(self, preds: Tensor, target: Tensor) -> None:
        if len(target):  # torchmetrics reshapes, which fails for an empty batch
            super().update(preds, target)

    def compute(self) -> Tensor:
        rows = self.tp.sum() + self.fn.sum()  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
        return super().compute() if rows else no_value(self)
