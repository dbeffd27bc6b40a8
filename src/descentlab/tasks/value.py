"""The model's output is the loss itself: test functions."""

from typing import Any

from torch import Tensor

from descentlab.tasks.base import Batch, Predict, Task


class Value(Task):
    """Values (batch,), one an example, to be made small on average.

    Args:
        points: how many examples a split has.
        task: see Task.
    """

    def __init__(self, points: int, **task: Any) -> None:
        self.points = points
        super().__init__(**task)

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        """The model's values, averaged over examples."""
        return predict(batch[0]).mean()
