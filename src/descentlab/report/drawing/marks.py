"""Drawings of the compared means and their intervals, on an axis that the rows of a table share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from descentlab.report.answer import Entry
from descentlab.report.statistics.estimate import Estimate

MARK_WIDTH = 96  # of a drawing, in pixels
PADDING = 6  # on each side of the axis
SHAFT = 14  # length of the arrow that replaces a mean beyond the axis
STRETCH = 4  # an entry that makes the axis more than this many times as long is not part of it

Values = tuple[float, float, float]  # mean, lower end, upper end


@dataclass(frozen=True)
class Mark:
    """The drawing of one entry, in pixels from the left border.

    Attributes:
        mean: the position of the mean; None if it is beyond the axis.
        low: the position of the left end of the line.
        high: the position of the right end of the line.
        arrows: the borders at which the line continues beyond the axis.
    """

    mean: float | None
    low: float
    high: float
    arrows: tuple[Literal["left", "right"], ...] = ()


def draw_marks(entries: Sequence[Entry]) -> dict[str, Mark]:
    """Return the drawing of each entry that has a value, by its name; empty with fewer than two different values.

    The axis contains the intervals of the better half of the entries, and those of the next ones up to the first that would
    make it more than STRETCH times as long: otherwise one poor optimizer would shrink all other intervals to points.

    Args:
        entries: the best first.
    """
    values = {entry.name: _values(entry.estimate) for entry in entries if entry.estimate is not None}
    lowest, highest = _axis(list(values.values()))
    if len(values) < 2 or not lowest < highest:
        return {}
    scale = (MARK_WIDTH - 2 * PADDING) / (highest - lowest)
    return {name: _mark([PADDING + (value - lowest) * scale for value in each]) for name, each in values.items()}


def _values(estimate: Estimate) -> Values:
    mean, low, high = estimate.mean, estimate.low, estimate.high
    return mean, mean if low is None else low, mean if high is None else high


def _axis(values: Sequence[Values]) -> tuple[float, float]:
    """Return the ends of the axis; (0, 0) without values."""
    kept = max(2, -(-len(values) // 2))
    lowest, highest = _span(values[:kept])
    for each in values[kept:]:
        wider = min(lowest, *each), max(highest, *each)
        if lowest < highest and wider[1] - wider[0] > STRETCH * (highest - lowest):
            break
        lowest, highest = wider
    return lowest, highest


def _span(values: Sequence[Values]) -> tuple[float, float]:
    return min(map(min, values), default=0.0), max(map(max, values), default=0.0)


def _mark(positions: Sequence[float]) -> Mark:
    """Return the drawing of a mean and the ends of its interval, cut at the borders."""
    mean, low, high = (round(position, 1) for position in positions)
    if mean < 0:
        return Mark(None, 0, SHAFT, ("left",))
    if mean > MARK_WIDTH:
        return Mark(None, MARK_WIDTH - SHAFT, MARK_WIDTH, ("right",))
    sides: Mapping[Literal["left", "right"], bool] = {"left": low < 0, "right": high > MARK_WIDTH}
    return Mark(mean, max(low, 0), min(high, MARK_WIDTH), tuple(side for side, is_beyond in sides.items() if is_beyond))
