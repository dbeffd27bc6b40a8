"""Quantities of several runs or curves: what was selected, differences, distances, the slope of steps until a loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from descentlab.errors import UsageError
from descentlab.store.record import Record, Status, read_curves
from descentlab.studies.measuring.boundary import boundary_dimension
from descentlab.studies.measuring.column import column_number, crossing_step
from descentlab.studies.measuring.critical_points import critical_points
from descentlab.studies.measuring.ends import barrier, end_distance
from descentlab.studies.measuring.grids import best_value, critical_batch, lowest_value
from descentlab.studies.measuring.orthogonality import orthogonality
from descentlab.studies.measuring.range_test import range_test_rate
from descentlab.studies.measuring.rotation import rotation
from descentlab.studies.quantities.decay_rate import decay_rate
from descentlab.studies.quantities.log_slope import log_slope
from descentlab.studies.quantities.trajectory_distance import trajectory_distance
from descentlab.studies.runs import Ended, Row, positions


def selected(ended: Sequence[Ended], key: str) -> list[Row]:
    """Return the value of `key` in the selected point of each run that reports.

    Args:
        ended: the runs.
        key: a key of the grid, such as optimizer.lr.
    """
    found: list[Row] = []
    for each in ended:
        if key not in each.run.point:
            raise UsageError(f"{key} is not a key of the grid of {each.run.arm}")
        found.append((each.run.arm, None, each.run.seed, float(each.run.point[key])))
    return found


def distance(ended: Sequence[Ended], arms: Sequence[str], column: str = "train/loss", until: float = float("inf")) -> list[Row]:
    """Return the largest relative difference of the curves of two arms, for each seed that both have.

    Args:
        ended: the runs.
        arms: the two arms; the values belong to the first one.
        column: the column of the curves.
        until: later steps are left out.
    """
    first, second = (_by_seed(ended, arm) for arm in arms)
    common = [seed for seed in first if seed in second]
    return [(arms[0], None, seed, _distance(first[seed], second[seed], column, until)) for seed in common]


def steps_to_reach(
    ended: Sequence[Ended], arms: Sequence[str], column: str = "valid/loss", relative: bool = False
) -> list[Row]:
    """Return the steps until a curve of one arm falls to the last value of another one, for each seed that both have.

    Between points of the curve, which may be as rare as validations, they are interpolated linearly.

    Args:
        ended: the runs.
        arms: the arm whose steps are counted, and the other one.
        column: the column of the curves.
        relative: the steps are divided by those of the run of the other arm.
    """
    first, second = (_by_seed(ended, arm) for arm in arms)
    common = [seed for seed in first if seed in second]
    return [(arms[0], None, seed, _steps_to_reach(first[seed], second[seed], column, relative)) for seed in common]


def _steps_to_reach(first: Record, second: Record, column: str, relative: bool) -> float | None:
    last, total = column_number(f"{column}@end", second), second.summary.get("steps")
    steps = None if last is None or not math.isfinite(last) else crossing_step(column, last, first, interpolate=True)
    if steps is None or not relative:
        return steps
    return steps / total if total else None


def paired_difference(ended: Sequence[Ended], of: str, arms: Sequence[str]) -> list[Row]:
    """Return the difference of a number between two arms, first - second, for each x and seed that both have.

    Args:
        ended: the runs; the values of the first key of `over` are numbers.
        of: a number of a run, such as test/loss. If a run has none, or diverged, the difference has no value.
        arms: the two arms; the differences belong to the first one.
    """
    first, second = ({(each.run.x, each.run.seed): each.record for each in ended if each.run.arm == arm} for arm in arms)
    pairs = {place: (column_number(of, first[place]), column_number(of, second[place])) for place in first if place in second}
    return [(arms[0], x, seed, _difference(*values)) for (x, seed), values in pairs.items()]


def _difference(first: float | None, second: float | None) -> float | None:
    if first is None or second is None or math.isinf(first) or math.isinf(second):
        return None
    return first - second


def crossing_slope(ended: Sequence[Ended], columns: Mapping[str, float], threshold: float) -> list[Row]:
    """Return the slope of log(number of steps until a curve of a run falls to `threshold`) over log(number of the curve).

    Args:
        ended: the runs.
        columns: the columns of the curves, with the number of each, such as {train/class_loss_1: 32, train/class_loss_2: 16}.
        threshold: in the unit of the curves. A run in which a curve never reaches it has no value.
    """
    return [(each.run.arm, None, each.run.seed, _crossing_slope(each.record, columns, threshold)) for each in ended]


def _crossing_slope(record: Record, columns: Mapping[str, float], threshold: float) -> float | None:
    found = [crossing_step(column, threshold, record) for column in columns]
    reached = [steps for steps in found if steps is not None]
    return log_slope(list(columns.values()), reached) if len(reached) == len(columns) else None


def rate_of_decay(ended: Sequence[Ended], of: str) -> list[Row]:
    """Return the rate per step of the exponential decay of a column of the curves of each run.

    Args:
        ended: the runs. One that diverged has an infinite value.
        of: the column, such as train/loss.
    """
    places = positions(ended)
    found: list[Row] = []
    for each in ended:
        rows = read_curves(each.record.folder)
        own = rows.select("step", of).drop_nulls() if of in rows.columns else None
        rate = None if own is None else decay_rate(own["step"].to_numpy(), own[of].to_numpy())
        found.append(
            (each.run.arm, places[each.run.x], each.run.seed, math.inf if each.record.status is Status.DIVERGED else rate)
        )
    return found


def _by_seed(ended: Sequence[Ended], arm: str) -> dict[int, Record]:
    return {each.run.seed: each.record for each in ended if each.run.arm == arm}


def _distance(first: Record, second: Record, column: str, until: float) -> float | None:
    curves = [read_curves(record.folder) for record in (first, second)]
    if any(column not in rows.columns for rows in curves):
        return None
    columns = [rows.select("step", column).drop_nulls() for rows in curves]
    x, a, z, b = (own[name].to_list() for own in columns for name in ("step", column))
    return trajectory_distance(x, a, z, b, until)


KINDS: Mapping[str, Callable[..., list[Row]]] = {
    "barrier": barrier,
    "best_value": best_value,
    "boundary_dimension": boundary_dimension,
    "critical_points": critical_points,
    "critical_batch": critical_batch,
    "crossing_slope": crossing_slope,
    "decay_rate": rate_of_decay,
    "distance": distance,
    "end_distance": end_distance,
    "lowest_value": lowest_value,
    "orthogonality": orthogonality,
    "paired_difference": paired_difference,
    "range_test": range_test_rate,
    "rotation": rotation,
    "selected": selected,
    "steps_to_reach": steps_to_reach,
}
