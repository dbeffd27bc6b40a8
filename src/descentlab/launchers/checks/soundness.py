"""Check for errors that training does not report by itself.

Misaligned inputs and targets, numbers that are not finite, unknown labels, a loss that does not depend on the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from descentlab.data.loading.tensors import Data
from descentlab.errors import UsageError
from descentlab.store.core import Core
from descentlab.tasks.base import Task


def check_splits(data: Data[Any]) -> None:
    """Check in-memory splits of a user's class: as many targets as inputs, and finite numbers.

    Raises:
        UsageError: a split fails the check; the message names the split and the row.
    """
    if type(data).__module__.startswith("descentlab.") or not data.in_memory:
        return
    for name in ("train", "valid", "test"):
        split = getattr(data.splits, name)
        rows = [len(part) for part in split]
        if len(set(rows)) > 1:
            raise UsageError(f"data: the {name} split has {rows[0]} inputs and {rows[1]} targets")
        for name_of_part, part in zip(("inputs", "targets"), split, strict=False):
            bad = ~part.flatten(1).isfinite().all(1) if part.dim() > 1 else ~part.isfinite()
            if bad.any():
                raise UsageError(f"data: the {name_of_part} of the {name} split are not finite in row {int(bad.nonzero()[0])}")


def check_labels(config: Mapping[str, Any], data: Data[Any]) -> None:
    """Check that the labels of in-memory data are among the classes of the task.

    Raises:
        UsageError: a label is not one of them; the message names the split and the row.
    """
    classes = data.fill(config["task"]).get("num_classes")
    if not config["task"]["_target_"].endswith(".Classification") or not data.in_memory or classes is None:
        return
    for name in ("train", "valid", "test"):
        labels = getattr(data.splits, name)[1]
        bad = (labels < 0) | (labels >= classes)
        if bad.any():
            row = int(bad.flatten().nonzero()[0])
            label = int(labels.flatten()[row])
            raise UsageError(f"data: label {label} in row {row} of the {name} split is none of the classes 0 to {classes - 1}")


def check_gradients(core: Core, task: Task, data: Data[Any]) -> None:
    """Check that the loss depends on the weights, and under DDP on each parameter.

    Raises:
        UsageError: the loss does not depend on any weight, or under DDP on some parameter.
    """
    assert data.plan is not None
    batch = data.step_loader(data.plan, 0, None, 0, 1, 0).parts(0)[0].batch
    task.train()
    trained = {name: parameter for name, parameter in task.model.named_parameters() if parameter.requires_grad}
    loss = task.loss(task.model, batch)
    found = (
        torch.autograd.grad(loss, list(trained.values()), allow_unused=True) if loss.requires_grad else [None] * len(trained)
    )
    idle = [name for name, gradient in zip(trained, found, strict=True) if gradient is None]
    if trained and len(idle) == len(trained):
        raise UsageError(f"the loss of {type(task).__name__} does not depend on the weights of {type(task.model).__name__}")
    if idle and core.trainer.strategy == "ddp":
        raise UsageError(f"trainer=ddp: the loss does not depend on {', '.join(idle[:3])}; DDP waits for their gradients")
