"""Quantities of several runs or curves: what was selected, differences, distances, the slope of steps until a loss."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from descentlab.errors import UsageError
from descentlab.store.record import Record, read_curves
from descentlab.studies.measuring.column import column_number, crossing_step
from descentlab.studies.measuring.range_test import range_test_rate
from descentlab.studies.measuring.rotation import rotation
from descentlab.studies.quantities.log_slope import log_slope
from descentlab.studies.quantities.parabola_minimum import parabola_minimum
from descentlab.studies.quantities.trajectory_distance import trajectory_distance
from descentlab.studies.runs import Ended

Row = tuple[str, float | None, int, float | None]  # arm, x, seed, value


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


def _by_seed(ended: Sequence[Ended], arm: str) -> dict[int, Record]:
    return {each.run.seed: each.record for each in ended if each.run.arm == arm}


def _distance(first: Record, second: Record, column: str, until: float) -> float | None:
    curves = [read_curves(record.folder) for record in (first, second)]
    if any(column not in rows.columns for rows in curves):
        return None
    columns = [rows.select("step", column).drop_nulls() for rows in curves]
    x, a, z, b = (own[name].to_list() for own in columns for name in ("step", column))
    return trajectory_distance(x, a, z, b, until)


def best_value(ended: Sequence[Ended], of: str, key: str) -> list[Row]:
    """Return, for each arm, x and seed, the value of `key` at the minimum of the parabola through the best values of `of`.

    Args:
        ended: the runs; arms that are not trained over `key` are left out.
        of: a number of a run, such as test/loss.
        key: a key of `over`, such as optimizer.lr; if it is the first one, the values have no x.
    """
    grids: dict[tuple[str, float | None, int], dict[float, float]] = {}
    for each in ended:
        if key in each.run.over:
            x = None if key == next(iter(each.run.over)) else each.run.x
            grid = grids.setdefault((each.run.arm, x, each.run.seed), {})
            value = column_number(of, each.record)
            grid[float(each.run.over[key])] = math.inf if value is None else value
    found = {place: parabola_minimum(list(grid), list(grid.values())) for place, grid in grids.items()}
    return [(*place, None if best is None else 2**best.log2) for place, best in found.items()]


KINDS: Mapping[str, Callable[..., list[Row]]] = {
    "best_value": best_value,
    "crossing_slope": crossing_slope,
    "distance": distance,
    "paired_difference": paired_difference,
    "range_test": range_test_rate,
    "rotation": rotation,
    "selected": selected,
}
