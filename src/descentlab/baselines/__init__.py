"""References beside gradient descent: found without it, on the same split, judged by the task's own loss and metrics."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import torch

from descentlab.data.loader import Batch
from descentlab.data.tensors import Data
from descentlab.models.linear import Linear
from descentlab.tasks.base import Predict, Scores, Task


class Baseline(Protocol):
    """Anything with a `fit`. `suits`: the tasks it makes sense for; `exact`: no linear model has a lower training loss."""

    suits: Sequence[type[Task]]
    exact: bool

    def fit(self, train: Batch) -> Predict:
        """What it predicts, having seen the training split."""
        ...


def beside(baseline: Baseline, name: str, task: Task, data: Data[Any]) -> Mapping[str, Any]:
    """What a run's summary says of `baseline`, and of how far above its training loss the trained weights are.

    Returns:
        baseline: its name, seconds, train_loss, and valid and test metrics; train_loss: of the whole training split at the
        weights after the last step; gap: train_loss / the baseline's - 1, if the baseline is exact and the model linear.
    """
    splits, began = data.splits, time.perf_counter()
    predict = baseline.fit(splits.train)
    seconds = time.perf_counter() - began
    train, valid, test = (data.evaluated(split) for split in (splits.train, splits.valid, splits.test))
    reference = {"name": name, "seconds": seconds, "train_loss": _judged(task, task.valid, train, predict)["loss"]}
    reference |= {"valid": _judged(task, task.valid, valid, predict), "test": _judged(task, task.test, test, predict)}
    task.step.look.begin(())
    mine = _judged(task, task.valid, train, task.model)["loss"]
    task.step.look.end()
    gap = {"gap": mine / reference["train_loss"] - 1} if baseline.exact and isinstance(task.model, Linear) else {}
    return {"baseline": reference, "train_loss": mine, **gap}


@torch.no_grad()
def _judged(task: Task, scores: Scores, split: Iterable[Batch], predict: Predict) -> dict[str, float]:
    """Loss and metrics of `predict` on a split."""
    training = task.training
    task.eval()
    for batch in split:
        task.evaluate(scores, batch, predict)
    task.train(training)
    return {name: float(value) for name, value in scores.collect("").items()}
