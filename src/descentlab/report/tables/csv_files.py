"""The table of series as a CSV file with unrounded numbers."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.report import comparability
from descentlab.report.answer import Answer
from descentlab.report.series import Comparison, Series, format_statuses
from descentlab.report.tables.measures import MEASURES
from descentlab.report.tables.results import hyperparameters, undefined_reason


def write_series(answers: Sequence[Answer], path: Path) -> None:
    """Write a CSV file with a row per series, in the order of the other tables.

    Columns ``<measure>_low`` and ``<measure>_high`` contain the ends of the 95 % interval of the mean over the `n` completed
    seeds, ``<measure>_interval`` its method, `role` the role of the runs in a tuned sweep, `undefined` the reasons for empty
    cells, `data` the beginning of the data's digest, and `not_comparable` the versions of code and libraries in which the runs
    of the comparison differ.
    """
    rows: list[dict[str, Any]] = []
    for answer in answers:
        comparison = answer.comparison
        unlike = comparability.version_differences(comparison.runs)
        for rank, series in enumerate(answer.series, 1):
            row = _series_row(comparison, series, rank)
            rows.append(row | {"not_comparable": comparability.own_versions(series.runs, unlike)})
    _write_csv(path, rows)


def _series_row(comparison: Comparison, series: Series, rank: int) -> dict[str, Any]:
    row: dict[str, Any] = {"problem": comparison.name, "rank": rank, "optimizer": series.optimizer}
    row |= {"label": series.label, "hyperparameters": hyperparameters(series), "status": format_statuses(series.runs)}
    row |= {"role": series.role or "", "n": len(series.completed)}
    for measure in MEASURES:
        found = measure.estimate(series.completed, comparison.monitor)
        row[measure.key] = found and found.mean
        ends = {"low": found and found.low, "high": found and found.high, "interval": found and found.method}
        row |= {f"{measure.key}_{name}": value for name, value in ends.items()}
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
