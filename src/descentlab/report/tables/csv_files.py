"""The table of series as a CSV file with unrounded numbers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.report import comparability
from descentlab.report.series import Comparison, Series, format_statuses
from descentlab.report.statistics.estimate import estimate
from descentlab.report.statistics.ranking import ranked
from descentlab.report.tables.measures import MEASURES
from descentlab.report.tables.results import hyperparameters, undefined_reason


def write_series(comparisons: Sequence[Comparison], path: Path) -> None:
    """Write a CSV file with a row per series.

    A column ``<measure>_ci95`` contains the half-width of the 95 % t-interval over the `n` completed seeds, `undefined` the
    reasons for empty cells, `data` the beginning of the data's digest, and `not_comparable` the versions of code and
    libraries in which the runs of the comparison differ.
    """
    rows: list[dict[str, Any]] = []
    for comparison in comparisons:
        unlike = comparability.version_differences(comparison.runs)
        for rank, series in enumerate(ranked(comparison), 1):
            row = _series_row(comparison, series, rank)
            rows.append(row | {"not_comparable": comparability.own_versions(series.runs, unlike)})
    _write_csv(path, rows)


def _series_row(comparison: Comparison, series: Series, rank: int) -> dict[str, Any]:
    row: dict[str, Any] = {"problem": comparison.name, "rank": rank, "optimizer": series.optimizer}
    row |= {"label": series.label, "hyperparameters": hyperparameters(series), "status": format_statuses(series.runs)}
    row["n"] = len(series.completed)
    for measure in MEASURES:
        found = estimate(measure.get(run.summary) for run in series.completed)
        row[measure.key] = found and found.mean
        row[f"{measure.key}_ci95"] = found and found.half_width
    reasons = {measure.key: undefined_reason(series, measure, comparison.monitor) for measure in MEASURES}
    row["undefined"] = "; ".join(f"{key}: {reason}" for key, reason in reasons.items() if reason)
    row["data"] = series.data[: comparability.SHORT]
    return row


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = dict.fromkeys(key for row in rows for key in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
