"""Means over seeds with confidence intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from descentlab.report.series import Series
from descentlab.report.statistics.interval import EQUAL, mean_interval
from descentlab.report.statistics.ranges import bounds_of


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Args:
        mean: the mean of the values.
        n: the number of seeds.
        low: the lower end of its 95 % interval, in the unit of the values; None for a single seed.
        high: the upper end.
        method: the method of the interval in words, such as "t on the logit scale"; "" for a single seed.
    """

    mean: float
    n: int
    low: float | None = None
    high: float | None = None
    method: str = ""

    @property
    def is_equal(self) -> bool:
        """True if there are several values and all are equal: then the interval has no width, which shows no certainty."""
        return self.method == EQUAL


def estimate(values: Iterable[float | None], name: str = "") -> Estimate | None:
    """Return the mean of `values` with its interval.

    Args:
        values: one per seed.
        name: the name of the metric or of the number of a record; the interval keeps to its range (`bounds_of`).

    Returns:
        None if there are no values, or if one is None or not finite: a mean over the rest would be biased.
    """
    known = list(values)
    average, interval = mean(known), mean_interval(known, bounds_of(name))
    if average is None or interval is None:
        return None if average is None else Estimate(average, len(known))
    return Estimate(average, len(known), interval.low, interval.high, interval.method)


def mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of `values`; None in the cases of `estimate`."""
    known = list(values)
    finite = [value for value in known if value is not None and math.isfinite(value)]
    return statistics.fmean(finite) if finite and len(finite) == len(known) else None


def best_valid(series: Series, metric: str = "") -> Estimate | None:
    """Return the mean of the best validation value over the completed runs of a series; `metric` is its name."""
    return estimate((run.summary.get("best_valid") for run in series.completed), metric)
