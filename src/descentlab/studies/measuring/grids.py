"""Quantities of the runs of a grid: the best value of a key, the best result, and the critical batch size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from descentlab.errors import UsageError
from descentlab.studies.measuring.number import number_of
from descentlab.studies.quantities.parabola_minimum import parabola_minimum
from descentlab.studies.runs import Ended, Row


def best_value(ended: Sequence[Ended], of: Any, key: str, join: Sequence[Sequence[str]] = ()) -> list[Row]:
    """Return, for each arm, x and seed, the value of `key` at the minimum of the parabola through the best values of `of`.

    Args:
        ended: the runs; arms that are not trained over `key` are left out.
        of: a quantity of a run, such as test/loss. A run without a value counts as infinite.
        key: a key of `over`, such as optimizer.lr; if it is the first one, the values have no x.
        join: lists of arms whose runs are those of one arm, the first of the list, for instance since their budgets differ.

    Raises:
        UsageError: an arm of `join` does not exist.
    """
    grids = _grids(joined(ended, join), of, key)
    found = {place: parabola_minimum(list(grid), list(grid.values())) for place, grid in grids.items()}
    return [(*place, None if best is None else 2**best.log2) for place, best in found.items()]


def lowest_value(ended: Sequence[Ended], of: Any, key: str, join: Sequence[Sequence[str]] = ()) -> list[Row]:
    """Return, for each arm, x and seed, the lowest value of `of` over the values of `key`; the arguments of `best_value`."""
    lowest = {place: min(grid.values()) for place, grid in _grids(joined(ended, join), of, key).items()}
    return [(*place, value if math.isfinite(value) else None) for place, value in lowest.items()]


def critical_batch(ended: Sequence[Ended], of: Any, join: Sequence[Sequence[str]] = ()) -> list[Row]:
    """Return, for each arm and seed, the critical batch size: the fewest examples divided by the fewest steps to a target.

    With batches of that size, training takes about twice the fewest steps and twice the fewest examples. The runs should
    include batches that are much smaller and much larger.

    Source: McCandlish et al., An Empirical Model of Large-Batch Training, arXiv:1812.06162, eq. 2.12.

    Args:
        ended: the runs.
        of: the number of steps to the target, a quantity of a run. Runs without a value are not the best ones.
        join: see `best_value`.

    Raises:
        UsageError: an arm of `join` does not exist, or a batch size is no number.
    """
    reached: dict[tuple[str, int], list[tuple[int, float]]] = {}
    for each in joined(ended, join):
        own = reached.setdefault((each.run.arm, each.run.seed), [])
        steps = number_of(of, each.record)
        if steps is not None and math.isfinite(steps) and steps > 0:
            own.append((_examples(each), steps))
    return [(arm, None, seed, _critical(own)) for (arm, seed), own in reached.items()]


def _critical(reached: Sequence[tuple[int, float]]) -> float | None:
    """Return the fewest examples over the fewest steps; None without pairs of a batch size and steps."""
    return min(batch * steps for batch, steps in reached) / min(steps for _, steps in reached) if reached else None


def joined(ended: Sequence[Ended], join: Sequence[Sequence[str]]) -> list[Ended]:
    """Return the runs, those of each list of arms with the name of its first arm.

    Raises:
        UsageError: an arm has no runs.
    """
    names = {arm: arms[0] for arms in join for arm in arms}
    if missing := [arm for arm in names if arm not in {each.run.arm for each in ended}]:
        raise UsageError(f"join: no runs of the arm {', '.join(missing)}")
    return [Ended(replace(each.run, arm=names.get(each.run.arm, each.run.arm)), each.record) for each in ended]


def _grids(ended: Sequence[Ended], of: Any, key: str) -> dict[tuple[str, float | None, int], dict[float, float]]:
    """Return, for each arm, x and seed, `of` by the value of `key`; infinite without a value."""
    grids: dict[tuple[str, float | None, int], dict[float, float]] = {}
    for each in ended:
        if key in each.run.over:
            x = None if key == next(iter(each.run.over)) else each.run.x
            grid = grids.setdefault((each.run.arm, x, each.run.seed), {})
            value = number_of(of, each.record)
            grid[float(each.run.over[key])] = math.inf if value is None else value
    return grids


def _examples(each: Ended) -> int:
    """Return the batch size of a run."""
    size = each.record.config.get("batch_size")
    if not isinstance(size, int):
        raise UsageError(f"critical_batch: the batch size of {each.record.name} is {size}, not a number")
    return size
