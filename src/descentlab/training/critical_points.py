"""The critical points of the training loss near the snapshots of a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from descentlab.diagnostics.analyses.critical_points import Loss, refine
from descentlab.diagnostics.measuring.model_functions import ModelFunctions
from descentlab.errors import UsageError
from descentlab.training.finished import FinishedRun
from descentlab.training.landscape import store

POINTS = "critical_points"  # stem of the file
MAX_WEIGHTS = 2000


def critical_points(
    run: FinishedRun, decay: float = 0.0, max_steps: int = 300, max_length: float = 1.0, tolerance: float = 1e-8
) -> list[dict[str, Any]]:
    """Store and return the critical points that Newton's method finds from each snapshot of a run.

    They are those of the mean loss of the whole training split plus decay / 2 |w|^2, in double precision, with the model in
    evaluation mode. Without decay, most searches do not end: the loss of a network falls towards infinity, or is flat. With
    cross-entropy, a decay of .01 and networks of some hundred weights, most take 50 to 200 steps.

    Args:
        run: a run with snapshots (checkpoint.snapshots).
        decay: coefficient of the square of the weights.
        max_steps, max_length, tolerance: of Newton's method, see `refine`.

    Returns:
        a dictionary per snapshot: step (of the snapshot), loss (without the decay) and the metrics of the training split,
        gradient_norm, index (the fraction of negative eigenvalues of the Hessian), newton_steps, and is_critical.

    Raises:
        UsageError: the run has no snapshots, or too many weights for their Hessian.
    """
    if not run.snapshots:
        raise UsageError(
            f"{run.job.folder} has no snapshots: train it with checkpoint.snapshots=N checkpoint.keep=true rerun=true"
        )
    count = sum(run.initial[name].numel() for name in run.parameters)
    if count > MAX_WEIGHTS:
        raise UsageError(f"{run.job.name} has {count} weights: the Hessian is computed for up to {MAX_WEIGHTS}")
    loss = _loss(run, decay)
    found = []
    for step, weights in run.snapshots.items():
        start = torch.cat([weights[name].double().flatten() for name in run.parameters])
        point = refine(loss, start, tolerance, max_steps, max_length)
        metrics = run.evaluate({**weights, **_named(run, point.weights)}, "train")
        own = {"gradient_norm": point.gradient_norm, "index": point.index, "newton_steps": point.steps}
        found.append({"step": step, **metrics, **own, "is_critical": point.is_critical})
    store(run.job.folder, POINTS, {"decay": decay, "tolerance": tolerance, "points": found})
    return found


def _loss(run: FinishedRun, decay: float) -> Loss:
    """Return the regularized loss of the training split as a function of the parameters as one vector, in float64."""
    parts: Sequence[Sequence[Tensor]] = list(zip(*run.batches("train"), strict=True))
    batch = tuple(_double(torch.cat(list(part))) for part in parts)
    run.task.eval()
    buffers = {name: _double(value) for name, value in run.task.model.named_buffers()}
    functions = ModelFunctions(run.task.model, run.task.loss, buffers)
    return lambda weights: functions.loss(_named(run, weights), batch) + decay / 2 * weights.square().sum()


def _named(run: FinishedRun, weights: Tensor) -> dict[str, Tensor]:
    """Return the parts of a vector by parameter name."""
    shapes = [run.initial[name].shape for name in run.parameters]
    parts = weights.split([shape.numel() for shape in shapes])
    return {name: part.view(shape) for name, part, shape in zip(run.parameters, parts, shapes, strict=True)}


def _double(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor
