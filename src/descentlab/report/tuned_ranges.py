"""The ranges over which an entry was tuned, from the search space of its arm or from the values of a grid."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descentlab.report.answer import Entry
from descentlab.report.names import selected_settings
from descentlab.report.settings import varying_keys

# The least and the greatest value of hyperparameters, by the last part of the key; others are not negative.
BOUNDS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("momentum", "dampening", "dropout", "label_smoothing", "rho", "alpha", "decay"), (0.0, 1.0)),
    **dict.fromkeys(("batch_size", "microbatch", "width", "depth"), (1.0, math.inf)),
}
LOG_RATIO = 3.0  # a grid of positive values whose ratio is at least this is taken for logarithmic


@dataclass(frozen=True)
class Range:
    """The values of one numeric setting among which an entry was selected.

    Attributes:
        key: the dotted config key.
        selected: the value of the selected settings.
        tried: the distinct values tried, ascending; also those that diverged.
        low, high: the ends of the search range; of a grid, its lowest and highest value.
        is_log: True if the range is searched on a logarithmic scale.
    """

    key: str
    selected: float
    tried: Sequence[float]
    low: float
    high: float
    is_log: bool

    def ends_at_bound(self, side: str) -> bool:
        """Return True if the key allows no value beyond the end of the range on `side` ("low" or "high"), such as 0."""
        low, high = BOUNDS.get(self.key.rpartition(".")[2], (0.0, math.inf))
        return self.high == high if side == "high" else self.low == low

    @property
    def decades(self) -> float | None:
        """The width of a logarithmic range; None for a linear one."""
        return math.log10(self.high / self.low) if self.is_log else None

    def step_beyond(self, side: str) -> float | None:
        """Return a value to which the range should be extended on `side` ("low" or "high"); None if there is no natural one.

        A logarithmic range is extended by a factor of ten, a linear one by half of its width, but not to or across zero.
        """
        edge, sign = (self.high, 1) if side == "high" else (self.low, -1)
        if self.is_log:
            return edge * 10.0**sign
        step = (self.high - self.low) / 2
        beyond = edge + sign * step
        crosses = (
            abs(beyond) < 1e-9 * step or beyond < 0 <= edge or edge <= 0 < beyond or 0.5 < edge < 1 <= beyond
        )  # a momentum stays below 1
        return None if crosses else beyond


def ranges(entry: Entry) -> list[Range]:
    """Return the numeric ranges over which `entry` was tuned; empty if it was not."""
    return _of_arm(entry) if entry.arm is not None else _of_grid(entry)


def _of_arm(entry: Entry) -> list[Range]:
    assert entry.arm is not None
    found: list[Range] = []
    points = [trial.point for trial in entry.arm.trials]
    for name, spec in entry.arm.space.items():
        key = f"optimizer.{name}" if any(f"optimizer.{name}" in point for point in points) else name
        ends = bounds(spec)
        tried = numbers([point.get(key) for point in points])
        selected = numbers([selected_settings(entry).get(key)])
        if ends is not None and tried and selected:
            found.append(Range(key, selected[0], tried, *ends))
    return found


def bounds(spec: Any) -> tuple[float, float, bool] | None:
    """Return the low end, the high end and True for a logarithmic scale of a range of a search space; None for choices."""
    if isinstance(spec, Mapping):
        if "low" not in spec or "high" not in spec:
            return None
        return float(spec["low"]), float(spec["high"]), spec.get("scale", "log") == "log"
    if isinstance(spec, Sequence) and not isinstance(spec, str) and len(spec) == 2:
        return float(spec[0]), float(spec[1]), True
    return None


def _of_grid(entry: Entry) -> list[Range]:
    settings = [series.settings for series in entry.alternatives]
    found: list[Range] = []
    for key in varying_keys(settings):
        tried = numbers([each.get(key) for each in settings])
        selected = numbers([entry.series.settings.get(key)])
        if len(tried) > 1 and selected:
            low, high = tried[0], tried[-1]
            found.append(Range(key, selected[0], tried, low, high, low > 0 and high >= LOG_RATIO * low))
    return found


def numbers(values: Sequence[Any]) -> list[float]:
    """Return the distinct values, ascending, as floats; empty if one of them is not a number."""
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in values):
        return []
    return sorted({float(value) for value in values})
