"""Quantities of several runs together: what was selected, and how far the curves of two arms lie apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from descentlab.errors import UsageError
from descentlab.store.record import Record, read_curves
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


def _by_seed(ended: Sequence[Ended], arm: str) -> dict[int, Record]:
    return {each.run.seed: each.record for each in ended if each.run.arm == arm}


def _distance(first: Record, second: Record, column: str, until: float) -> float | None:
    curves = [read_curves(record.folder) for record in (first, second)]
    if any(column not in rows.columns for rows in curves):
        return None
    columns = [rows.select("step", column).drop_nulls() for rows in curves]
    x, a, z, b = (own[name].to_list() for own in columns for name in ("step", column))
    return trajectory_distance(x, a, z, b, until)


KINDS: Mapping[str, Callable[..., list[Row]]] = {"selected": selected, "distance": distance}
