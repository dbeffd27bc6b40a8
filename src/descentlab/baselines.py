"""References beside gradient descent: found without it, on the same split, judged by the task's own loss and metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor
from torch.nn.functional import linear

from descentlab.data.loader import Batch, EvalLoader
from descentlab.data.tensors import TensorData
from descentlab.rules import closed_form
from descentlab.tasks.base import Predict, Scores, Task


class Baseline(Protocol):
    """Anything with a `fit`; `exact` says that no model of its kind has a lower training loss."""

    exact: bool

    def fit(self, train: Batch) -> Predict:
        """What it predicts, having seen the training split."""
        ...


@dataclass(frozen=True, kw_only=True)
class LinearRegression:
    """The exact minimum of the mean squared error of a linear model (descentlab.rules.closed_form).

    Args:
        method: normal_equation, least_squares or ridge.
        weight_decay: of ridge, as torch.optim.SGD's.
    """

    exact: ClassVar[bool] = True
    method: str = "normal_equation"
    weight_decay: float = 0.0

    def fit(self, train: Batch) -> Predict:
        solve: Callable[..., tuple[Tensor, Tensor]] = getattr(closed_form, self.method)
        extra = {"weight_decay": self.weight_decay} if self.method == "ridge" else {}
        weight, bias = solve(*train, **extra)
        return lambda x: linear(x.flatten(1), weight.to(x), bias.to(x))


def beside(baseline: Baseline, name: str, task: Task, data: TensorData) -> Mapping[str, Any]:
    """What a run's summary says of `baseline`, and of how far above its training loss the trained weights are.

    Returns:
        baseline: its name, seconds, train_loss, and valid and test metrics; train_loss: of the whole training split at the
        weights after the last step; gap: train_loss / the baseline's - 1, if the baseline is exact.
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
    gap = {"gap": mine / reference["train_loss"] - 1} if baseline.exact else {}
    return {"baseline": reference, "train_loss": mine, **gap}


@torch.no_grad()
def _judged(task: Task, scores: Scores, split: EvalLoader, predict: Predict) -> dict[str, float]:
    """Loss and metrics of `predict` on a split."""
    training = task.training
    task.eval()
    for batch in split:
        task.evaluate(scores, batch, predict)
    task.train(training)
    return {name: float(value) for name, value in scores.collect("").items()}
