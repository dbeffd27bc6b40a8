"""The output of the model as the loss, for test functions."""

from typing import Any

from torch import Tensor

from descentlab.tasks.base import Batch, Predict, Task


class Value(Task):
    """Task that minimizes the mean of the model's output, values (batch,), one per example.

    Args:
        points: the number of examples of a split.
        task: arguments of Task.
    """

    def __init__(self, points: int, **task: Any) -> None:
        self.points = points
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """Return the model's values, averaged over examples."""
        return predict(batch[0]).mean()
