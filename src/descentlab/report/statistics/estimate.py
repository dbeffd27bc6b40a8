"""Means over seeds with Student's t confidence intervals."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.special import stdtrit

from descentlab.report.series import Series


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Args:
        mean: the mean of the values.
        half_width: half the width of its 95 % t-interval, in the unit of the values; None for a single seed.
        n: the number of seeds.
    """

    mean: float
    half_width: float | None
    n: int


def t_factor(n: int) -> float:
    """Return the half-width of the 95 % t-interval of a mean of `n` values, in sample standard deviations.

    That is the .975 quantile of Student's t distribution with n - 1 degrees of freedom, divided by sqrt(n).
    """
    return float(stdtrit(n - 1, 0.975)) / math.sqrt(n)


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """Return the mean of `values` with its interval.

    Returns:
        None if there are no values, or if one is None or not finite: a mean over the rest would be biased.
    """
    known = list(values)
    finite = [value for value in known if value is not None and math.isfinite(value)]
    if not finite or len(finite) < len(known):
        return None
    half_width = t_factor(len(finite)) * statistics.stdev(finite) if len(finite) > 1 else None
    return Estimate(statistics.fmean(finite), half_width, len(finite))


def best_valid(series: Series) -> Estimate | None:
    """Return the mean of the best validation value over the completed runs of a series."""
    return estimate(run.summary.get("best_valid") for run in series.completed)
