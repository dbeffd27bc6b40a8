"""The analyses of the loss landscape of finished runs, and the files in which they are stored in the folders of the runs."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from descentlab.diagnostics.analyses import directions, slices
from descentlab.diagnostics.analyses.interpolation import interpolate
from descentlab.diagnostics.analyses.weights import difference
from descentlab.errors import UsageError
from descentlab.store.record import ANALYSES, Record, write_json
from descentlab.training.finished import FinishedRun, Split

MARGIN = 0.25  # of the extent of a trajectory that the plane adds on each side
INTERPOLATION, LINE, PLANE = (
    "interpolation",
    "slice",
    "plane",
)  # stems of the files; the first is followed by the other run's id


def connect(first: FinishedRun, second: FinishedRun, points: int = 21, split: Split = "valid") -> dict[str, Any]:
    """Interpolate between the ends of two runs, store the result in the folder of the first one, and return it.

    The heights of the barriers of the loss and of the monitored metric also enter the record of the first run, as
    `summary["barriers"][id of the second run]`.

    Args:
        first: a run.
        second: another run of the same model.
        points: the number of evaluations, ends included.
        split: the data on which they are made.

    Raises:
        UsageError: the models differ.
    """
    check_models(first, second)
    found = interpolate(partial(first.evaluate, split=split), first.weights, second.weights, points)
    monitor, mode = first.task.monitor, first.task.mode
    barriers = {"loss": found.barrier("loss")}
    if monitor in found.metrics:
        barriers[monitor] = found.barrier(monitor, mode == "max")
    content = {"other": second.job.id, "name": second.job.name, "split": split, "fractions": found.fractions}
    content |= {"metrics": found.metrics, "barriers": barriers, "monitor": monitor}
    store(first.job.folder, f"{INTERPOLATION}-{second.job.id}", content)
    summarize(first, "barriers", second.job.id, barriers)
    return content


def cut_line(run: FinishedRun, points: int = 41, reach: float = 1.0, seed: int = 0, split: Split = "train") -> dict[str, Any]:
    """Store and return the loss along a random filter-normalized direction through the end of a run.

    Args:
        run: the run.
        points: the number of evaluations.
        reach: the greatest distance, in units of the direction.
        seed: of the direction.
        split: the data on which the loss is evaluated.
    """
    direction = directions.filter_normalized(run.weights, run.parameters, torch.Generator().manual_seed(seed))
    found = slices.line(partial(run.evaluate, split=split), run.weights, direction, slices.spaced(-reach, reach, points))
    content = {"x": found.x, "loss": found.loss, "split": split, "seed": seed}
    store(run.job.folder, LINE, content)
    return content


def cut_plane(run: FinishedRun, points: int = 21, reach: float = 1.0, seed: int = 0, split: Split = "train") -> dict[str, Any]:
    """Store and return the loss over a plane through the end of a run, with the projection of its trajectory.

    With snapshots (checkpoint.snapshots), the plane is that of the two principal directions of the trajectory, and as large as
    it; without, it is spanned by two random filter-normalized directions, orthogonal to each other, from -reach to reach.

    Args:
        run: the run.
        points: the number of evaluations along each direction.
        reach, seed: of random directions.
        split: the data on which the loss is evaluated.
    """
    steps = {step: difference(weights, run.weights, run.parameters) for step, weights in run.snapshots.items()}
    axes, shares = directions.principal(list(steps.values())) if len(steps) > 2 else ([], [])
    path = [[step, *directions.project(each, axes)] for step, each in steps.items()] if len(axes) == 2 else []
    if not path:
        axes, shares = _random_plane(run, seed), []
    limits = [_limits([place[axis] for place in path], reach) for axis in (1, 2)] if path else [(-reach, reach)] * 2
    x, y = (slices.spaced(*each, points) for each in limits)
    found = slices.plane(partial(run.evaluate, split=split), run.weights, axes[0], axes[1], x, y)
    content = {"x": found.x, "y": found.y, "loss": found.loss, "trajectory": path, "explained": shares, "split": split}
    store(run.job.folder, PLANE, content)
    return content


def _random_plane(run: FinishedRun, seed: int) -> list[dict[str, Tensor]]:
    generator = torch.Generator().manual_seed(seed)
    first, second = (directions.filter_normalized(run.weights, run.parameters, generator) for _ in range(2))
    return [first, directions.orthogonal_to(second, first)]


def _limits(places: list[float], reach: float) -> tuple[float, float]:
    """Return the ends of an axis that contains a trajectory and the origin, with a margin."""
    low, high = min(0.0, *places), max(0.0, *places)
    margin = MARGIN * (high - low) or reach
    return low - margin, high + margin


def check_models(first: FinishedRun, second: FinishedRun) -> None:
    """Check that two runs have the same parameters and buffers.

    Raises:
        UsageError: they have not.
    """
    shapes = [{name: value.shape for name, value in run.weights.items()} for run in (first, second)]
    if shapes[0] != shapes[1]:
        raise UsageError(f"{first.job.name} and {second.job.name} have different models: their weights cannot be compared")


def store(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """Write the result of an analysis, as JSON, into the folder of a run."""
    (folder / ANALYSES).mkdir(exist_ok=True)
    write_json(folder / ANALYSES / f"{name}.json", content)


def summarize(run: FinishedRun, quantity: str, key: str, value: Any) -> None:
    """Set `summary[quantity][key]` in the record of a run to `value`."""
    record = Record.read(run.job.folder)
    record.summary[quantity] = {**record.summary.get(quantity, {}), key: value}
    record.write(run.job.folder)
