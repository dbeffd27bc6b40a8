"""Evaluate a split for stacked runs: the loss and the metrics that are means over examples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.data.loading.loader import Batch
from descentlab.tasks.base import Task
from descentlab.tasks.metrics.stacked import StackedScores, means_over_examples, outputs_of_runs


def monitor_of(task: Task) -> tuple[str, str]:
    """Return the metric by which the weights of a run of a table are selected, and its better direction.

    It is the task's monitor if that is the loss or a mean over examples, and otherwise the loss.
    """
    is_offered = task.monitor == "loss" or task.monitor in means_over_examples(task)
    return (task.monitor, task.mode) if is_offered else ("loss", "min")


@torch.no_grad()
def evaluate(task: Task, tensors: Mapping[str, Tensor], batches: Iterable[Batch]) -> dict[str, NDArray[np.float64]]:
    """Return the loss and the metrics of stacked runs on a split by name, each of shape (runs,).

    Args:
        task: provides the model's structure, the loss and the metrics.
        tensors: the parameters and buffers by name, each with a leading dimension of runs.
        batches: of the split.
    """

    scores = StackedScores(task)
    task.eval()
    for batch in batches:
        scores.update(outputs_of_runs(task.model, tensors, batch[0]), batch)
    task.train()
    return {name: value.double().cpu().numpy() for name, value in scores.means().items()}
