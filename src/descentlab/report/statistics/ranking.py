"""The ranking of the series of a comparison by validation data."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.series import Comparison, Series
from descentlab.report.statistics.estimate import mean
from descentlab.store.record import Status


def ranked(comparison: Comparison) -> list[Series]:
    """Return the series of a comparison ordered by their mean best validation value, the best first.

    Series with a diverged seed follow those without one; then come those whose value is undefined, those in which every
    seed diverged, and those without a result.
    """
    return ranked_series(comparison.series, comparison)


def ranked_series(series: Sequence[Series], comparison: Comparison) -> list[Series]:
    """Return `series` in the order of `ranked`; `comparison` has the better direction of the metric."""

    def rank(series: Series) -> tuple[int, float]:
        best = mean(run.summary.get("best_valid") for run in series.completed)
        diverged = any(run.status is Status.DIVERGED for run in series.runs)
        if best is None:
            return 2 if series.completed else 3 if diverged else 4, 0.0
        return int(diverged), best if comparison.mode == "min" else -best

    return sorted(series, key=rank)
