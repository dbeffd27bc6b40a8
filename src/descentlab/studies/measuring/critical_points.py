"""The critical points of the training loss that are found from the snapshots of runs.

The runs keep their weights over time: checkpoint.snapshots is among the overrides of the arms. Torch is imported when the
quantity is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from descentlab.studies.runs import Ended, Row

ERROR, ACCURACY = "error", "accuracy"


def critical_points(ended: Sequence[Ended], by: str = "loss", decay: float = 0.01, max_steps: int = 300) -> list[Row]:
    """Return, for each critical point, the fraction of negative eigenvalues of the Hessian; its `x` is the loss or the error.

    A run has a value for each snapshot from which Newton's method finds a critical point. A run without any has one row
    without a value.

    Args:
        ended: the runs.
        by: the number of the training split that is the `x` of a point: loss, error (1 - accuracy), or a metric.
        decay: coefficient of |w|^2 / 2 in the loss whose critical points are found; `loss` is without it.
        max_steps: the largest number of steps of Newton's method.

    Raises:
        ValueError: `by` is not a number of a critical point.
        UsageError: a run has no snapshots, or too many weights.
    """
    found: list[Row] = []
    for each in ended:
        points = [point for point in _points(each.record.folder, decay, max_steps) if point["is_critical"]]
        found += [(each.run.arm, _number(point, by), each.run.seed, point["index"]) for point in points]
        found += [] if points else [(each.run.arm, None, each.run.seed, None)]
    return found


def _number(point: Mapping[str, Any], by: str) -> float:
    key = ACCURACY if by == ERROR else by
    if key not in point:
        raise ValueError(f"by: a critical point has no {key}; there are {', '.join(point)}")
    return 1 - point[key] if by == ERROR else point[key]


@cache  # several checks of a study use the same points
def _points(folder: Path, decay: float, max_steps: int) -> Sequence[Mapping[str, Any]]:
    from descentlab.training import critical_points, finished

    return critical_points.critical_points(finished.load_finished(folder), decay, max_steps)
