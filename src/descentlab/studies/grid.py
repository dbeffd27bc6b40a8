"""Selection: the best point of the grid of an arm, and the values by which a grid is extended if that point is on its edge."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from descentlab.studies.runs import Point

DIGITS = 4  # significant digits of values beyond a grid


def best_point(values: Mapping[tuple[Any, ...], Sequence[float | None]], goal: Literal["min", "max"]) -> tuple[Any, ...] | None:
    """Return the point with the best mean over seeds.

    Args:
        values: point -> the value of each seed; None or not finite: it diverged or failed, which makes the point the worst.
        goal: the better direction.

    Returns:
        None if every point has a seed without a value.
    """
    means = {point: sum(own) / len(own) for point, each in values.items() if (own := _finite(each)) and len(own) == len(each)}
    if not means:
        return None
    return min(means, key=lambda point: means[point] if goal == "min" else -means[point])


def _finite(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None and math.isfinite(value)]


def beyond(values: Sequence[Any], best: Any) -> float | None:
    """Return the next value of a grid beyond its edge; None if `best` is not the lowest or highest of its numbers.

    The ratio of the last two values continues if all are positive, otherwise their difference.
    """
    numbers = sorted({value for value in values if isinstance(value, int | float) and not isinstance(value, bool)})
    if len(numbers) < 2 or len(numbers) < len(set(values)) or best not in (numbers[0], numbers[-1]):
        return None
    edge, inner = (numbers[0], numbers[1]) if best == numbers[0] else (numbers[-1], numbers[-2])
    found = edge * edge / inner if numbers[0] > 0 else edge + (edge - inner)
    return float(f"{found:.{DIGITS}g}")


def extended(grid: Mapping[str, Sequence[Any]], best: Point) -> dict[str, list[Any]]:
    """Return the values that extend `grid` beyond its best point, by key; none if the point is not on an edge."""
    found = {key: beyond(values, best[key]) for key, values in grid.items()}
    return {key: [value] for key, value in found.items() if value is not None}
