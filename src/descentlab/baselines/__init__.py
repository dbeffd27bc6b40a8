"""Baselines: reference predictors fitted without gradient descent, with the same splits, loss and metrics as the run."""

from __future__ import annotations

import copy
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.functional import pad

from descentlab.baselines.estimator import NEVER
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.tensors import Data
from descentlab.errors import UsageError
from descentlab.models.linear import Linear
from descentlab.store.record import finite
from descentlab.tasks.base import Predict, Task
from descentlab.tasks.classification import Classification
from descentlab.tasks.metrics.scores import Scores

SPLITS = ("train", "valid", "test")


class Baseline(Protocol):
    """A reference predictor.

    Attributes:
        supported_tasks: the tasks to which it applies.
        exact: True if no linear model has a lower training loss.
    """

    supported_tasks: Sequence[type[Task]]
    exact: bool

    def fit(self, train: Batch) -> Predict:
        """Return the predictor fitted to the training split: inputs -> outputs in the form of the model's."""
        ...


def baseline_metrics(baseline: Callable[[], Baseline], name: str, task: Task, data: Data[Any]) -> dict[str, Any]:
    """Compare the trained weights with a baseline. Collective: every process must call it.

    A baseline that fails in any process is left out in all of them, and the run keeps its own result.

    Args:
        baseline: a function that returns the baseline, not yet fitted.
        name: name of the baseline.
        task: the trained task, with the weights after the last step.
        data: the data of the run.

    Returns:
        Entries of the run's summary. baseline: its name, seconds, train_loss, and valid and test metrics, or its name and
        its error; train_loss: of the whole training split at the weights after the last step; gap: train_loss / the
        baseline's - 1, if the baseline is exact and the model linear; undefined: the reason of each value that is None.
    """
    fitted, found, error = _try(baseline, task, data)
    failed = first_error(error)
    own = {"train_loss": _own_loss(task, data)}
    if fitted is None or failed:
        return {"baseline": {"name": name, "error": failed}, **own}
    reference, undefined = _reference(found)
    summary: dict[str, Any] = {"baseline": {"name": name, **reference}, **own, "undefined": undefined}
    if fitted.exact and isinstance(task.model, Linear):
        summary["gap"], reason = gap(own["train_loss"], reference["train_loss"])
        undefined |= {"gap": reason} if reason else {}
    return summary


def _try(baseline: Callable[[], Baseline], task: Task, data: Data[Any]) -> tuple[Baseline | None, dict[str, Any], str]:
    """Return the baseline, its evaluation, and the message of an exception (or ""). Not collective."""
    try:
        fitted = baseline()
        return fitted, _evaluated(fitted, task, data), ""
    except UsageError as fault:  # its text is a complete message
        return None, {}, str(fault)
    except Exception as fault:  # an estimator may be third-party code
        traceback.print_exc()
        return None, {}, f"{type(fault).__name__}: {fault}"


def _reference(found: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return seconds, training loss and metrics of a baseline, and the reasons of undefined ones. Collective."""
    reference: dict[str, Any] = {"seconds": found["seconds"]}
    undefined: dict[str, str] = {}
    for split in SPLITS:
        values, reasons = _collected(found[split], split)
        reference |= {"train_loss": values["loss"]} if split == "train" else {split: values}
        undefined |= {f"baseline/{split}/{metric}": reason for metric, reason in reasons.items() if split != "train"}
    return reference, undefined


def gap(loss: float | None, optimum: float | None) -> tuple[float | None, str]:
    """Return loss / optimum - 1, or None and the reason why that is undefined."""
    if loss is None or optimum is None:
        return None, "a training loss is not a finite number"
    if optimum == 0:
        return None, f"the training loss of the baseline is 0, that of the run {loss:.4g}"
    return loss / optimum - 1, ""


def first_error(error: str) -> str:
    """Return the error of the first process that has one, or "". Collective: every process must call it."""
    if not dist.is_initialized():
        return error
    every: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(every, error)
    return next(filter(None, every), "")


def _evaluated(baseline: Baseline, task: Task, data: Data[Any]) -> dict[str, Any]:
    """Return the seconds of the fit, and the scores of each split. Not collective: it may fail in a single process."""
    start = time.perf_counter()
    predict = baseline.fit(data.splits.train)
    found: dict[str, Any] = {"seconds": time.perf_counter() - start}
    if isinstance(task, Classification):
        predict = partial(_padded, predict, task.num_classes)
    for name in SPLITS:
        scores = copy.deepcopy(task.test if name == "test" else task.valid)
        _add(task, scores, data.eval_loader(getattr(data.splits, name)), predict)
        found[name] = scores
    return found


def _padded(predict: Predict, classes: int, x: Tensor) -> Tensor:
    """Return log-probabilities of `classes` classes. Classes absent from the training split get the lowest log-probability."""
    found = predict(x)
    missing = classes - found.shape[1] if found.dim() == 2 else 0
    return pad(found, (0, missing), value=NEVER) if missing > 0 else found


def _own_loss(task: Task, data: Data[Any]) -> float | None:
    """Return the loss of the trained weights on the whole training split."""
    scores = copy.deepcopy(task.valid)
    task.step.evaluation_weights.apply(())
    _add(task, scores, data.eval_loader(data.splits.train), task.model)
    task.step.evaluation_weights.restore()
    return _collected(scores, "train")[0]["loss"]


@torch.no_grad()
def _add(task: Task, scores: Scores, split: Iterable[Batch], predict: Predict) -> None:
    """Evaluate `predict` on this process's share of a split."""
    training = task.training
    task.eval()
    try:
        for batch in split:
            task.add(scores, batch, predict)
    finally:
        task.train(training)


def _collected(scores: Scores, split: str) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the values of `scores`, None where not finite, and the reason for each undefined value."""
    values = scores.collect("", {"train": "training", "valid": "validation"}.get(split, split))
    return finite({name: float(value) for name, value in values.items()}), scores.undefined
