"""The ranking of the series of a comparison."""

from __future__ import annotations

from descentlab.report.series import Comparison, Series
from descentlab.report.statistics.estimate import best_valid
from descentlab.store.record import Status


def ranked(comparison: Comparison) -> list[Series]:
    """Return the series ordered by their mean best validation value, the best first.

    Series with a diverged seed follow those without one; then come those whose value is undefined, those in which every
    seed diverged, and those without a result.
    """

    def rank(series: Series) -> tuple[int, float]:
        best = best_valid(series)
        diverged = any(run.status is Status.DIVERGED for run in series.runs)
        if best is None:
            return 2 if series.completed else 3 if diverged else 4, 0.0
        return int(diverged), best.mean if comparison.mode == "min" else -best.mean

    return sorted(comparison.series, key=rank)
