"""The numbers that a sweep varies for each optimizer, and its series as points in the space of these numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from descentlab.report.drawing.data import PanelData
from descentlab.report.formats import format_estimate, format_number
from descentlab.report.series import Series, format_statuses
from descentlab.report.settings import varying_keys
from descentlab.report.statistics.estimate import Estimate, best_valid
from descentlab.report.tables.measures import UNDEFINED
from descentlab.report.tuned_ranges import LOG_RATIO, numbers
from descentlab.store.record import Status

RATE = "optimizer.lr"


@dataclass(frozen=True)
class Point:
    """A series at its place in the swept space.

    Attributes:
        series: its runs.
        values: the value of each swept key, in the order of `Swept.keys`.
        best: the mean of its best validation value over the completed runs; None if there is none.
        diverged: the number of diverged runs.
        is_selected: True for the settings that were selected.
    """

    series: Series
    values: tuple[float, ...]
    best: Estimate | None
    diverged: int
    is_selected: bool

    @property
    def text(self) -> str:
        """The label, the mean with its interval, and the statuses of runs that did not complete."""
        shown = UNDEFINED if self.best is None else f"{format_estimate(self.best, format_number)}, n = {self.best.n}"
        completed = len(self.series.completed)
        if completed == len(self.series.runs):
            return f"{self.series.label}: {shown}"
        statuses = format_statuses(self.series.runs)
        return f"{self.series.label}: {shown}; {statuses}" if completed else f"{self.series.label}: {statuses}"


@dataclass(frozen=True)
class Swept:
    """The series of an optimizer in the space of the numbers that vary between them.

    Attributes:
        optimizer: its name.
        owner: the label of its first selected series, whose button in the legend hides what is drawn.
        keys: the swept config keys with numbers as values; the learning rate first.
        points: the series with a result; in a tuned sweep, the trials.
    """

    optimizer: str
    owner: str
    keys: list[str]
    points: list[Point]

    def tried(self, key: str) -> list[float]:
        """Return the distinct values of a key, ascending."""
        at = self.keys.index(key)
        return sorted({point.values[at] for point in self.points})


def swept(data: PanelData) -> list[Swept]:
    """Return for each optimizer the numbers that vary and its series; optimizers of which no number varies are left out.

    In a tuned sweep the trials are the points, because the runs that report have other seeds.
    """
    selected = {_settings_key(one) for one in data.selected}
    by_optimizer: dict[str, list[Series]] = {}
    owners = {one.optimizer: one.label for one in reversed(data.selected)}
    for one in data.all_series:
        if any(run.status.is_result for run in one.runs) and one.role in (None, "trial"):
            by_optimizer.setdefault(one.optimizer, []).append(one)
    found: list[Swept] = []
    for optimizer, owner in dict(reversed(owners.items())).items():
        series = by_optimizer.get(optimizer, [])
        keys = _numeric_keys(series)
        points = [_point(one, keys, selected, data.comparison.monitor) for one in series]
        found += [Swept(optimizer, owner, keys, points)] if keys else []
    return found


def short_name(key: str) -> str:
    """Return the name of a config key in a plot, such as "learning rate" or "weight decay"."""
    return "learning rate" if key == RATE else key.removeprefix("optimizer.").replace("_", " ")


def _numeric_keys(series: Sequence[Series]) -> list[str]:
    """Return the keys that vary between series and have numbers as values, the learning rate first."""
    settings = [one.settings for one in series]
    keys = [key for key in varying_keys(settings) if len(numbers([one.get(key) for one in settings])) > 1]
    return sorted(keys, key=lambda key: key != RATE)


def _point(series: Series, keys: Sequence[str], selected: set[str], metric: str) -> Point:
    values = tuple(float(series.settings[key]) for key in keys)
    diverged = sum(run.status is Status.DIVERGED for run in series.runs)
    return Point(series, values, best_valid(series, metric), diverged, _settings_key(series) in selected)


def _settings_key(series: Series) -> str:
    return repr(sorted(series.settings.items(), key=lambda item: item[0]))


def is_log(values: Sequence[float]) -> bool:
    """Return True if ascending values are better shown on a logarithmic axis: positive, and over a ratio of LOG_RATIO."""
    return values[0] > 0 and values[-1] >= LOG_RATIO * values[0]


def shares(values: Sequence[float], mode: str) -> list[float]:
    """Return where each value is between the worst (0) and the best one (1), on a logarithmic scale for positive losses."""
    low, high = min(values), max(values)
    if low == high:
        return [1.0] * len(values)
    log = mode == "min" and is_log([low, high])
    scaled = [math.log(value) if log else value for value in values]
    low, high = min(scaled), max(scaled)
    return [((value - low) if mode == "max" else (high - value)) / (high - low) for value in scaled]
