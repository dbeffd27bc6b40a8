"""The table of series as a CSV file with unrounded numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from descentlab.report import comparability
from descentlab.report.answer import Answer
from descentlab.report.series import Comparison, Series, format_statuses
from descentlab.report.statistics.estimate import Estimate
from descentlab.report.tables.cells import reason_cell, undefined_reason
from descentlab.report.tables.measures import MEASURES, NOT_MEASURED, Measure
from descentlab.report.tables.results import hyperparameters
from descentlab.store.record import write_text


def write_series(answers: Sequence[Answer], path: Path) -> None:
    """Write a CSV file with a row per series, in the order of the other tables.

    Columns ``<measure>_low`` and ``<measure>_high`` contain the ends of the 95 % interval of the mean over the `n`
    completed seeds, ``<measure>_interval`` its method or the reason why there is none. `compared` is the number by which
    the entries are ranked, `compared_by` its key; of a time to the target that a run did not reach, the mean is restricted.
    `role` the role of the runs in a tuned sweep, `undefined` the reasons for empty cells, `data` the beginning of the
    data's digest, and `not_comparable` the versions of code and libraries in which the runs of the comparison differ.
    """
    rows: list[dict[str, Any]] = []
    for answer in answers:
        comparison = answer.comparison
        unlike = comparability.version_differences(comparison.runs)
        for rank, series in enumerate(answer.series, 1):
            row = _series_row(comparison, series, rank) | _compared(answer, series)
            rows.append(row | {"not_comparable": comparability.own_versions(series.runs, unlike)})
    _write_csv(path, rows)


def _series_row(comparison: Comparison, series: Series, rank: int) -> dict[str, Any]:
    row: dict[str, Any] = {"problem": comparison.name, "rank": rank, "optimizer": series.optimizer}
    row |= {"label": series.label, "hyperparameters": hyperparameters(series), "status": format_statuses(series.runs)}
    row |= {"role": series.role or "", "n": len(series.completed)}
    for measure in MEASURES:
        found = measure.estimate(series.completed, comparison.monitor)
        row |= _mean(measure.key, found, _reason(series, measure, comparison.monitor))
    reasons = {measure.key: undefined_reason(series, measure, comparison.monitor) for measure in MEASURES}
    row["undefined"] = "; ".join(f"{key}: {reason}" for key, reason in reasons.items() if reason)
    row["data"] = series.data[: comparability.SHORT]
    return row


def _compared(answer: Answer, series: Series) -> dict[str, Any]:
    """Return the columns of the number by which the entries are ranked."""
    by, monitor = answer.by, answer.comparison.monitor
    measure = Measure(by.key, by.label, by.get, by.format, by.key, by.key)
    entry = next((entry for entry in answer.entries if entry.series.label == series.label), None)
    found = measure.estimate(series.completed, monitor) if entry is None else entry.estimate
    return {"compared_by": by.key} | _mean("compared", found, _reason(series, measure, monitor))


def _mean(key: str, found: Estimate | None, reason: str) -> dict[str, Any]:
    """Return the columns of a mean; `reason` is the one why there is none."""
    if found is None:
        return {key: None, f"{key}_low": None, f"{key}_high": None, f"{key}_interval": reason}
    none = "one seed" if found.n == 1 else "no interval"
    return {key: found.mean, f"{key}_low": found.low, f"{key}_high": found.high, f"{key}_interval": found.method or none}


def _reason(series: Series, measure: Measure, monitor: str) -> str:
    if not series.completed:
        return "no completed run"
    reason = reason_cell(series, measure, monitor)
    return "not measured" if reason == NOT_MEASURED else reason


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = dict.fromkeys(key for row in rows for key in row)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), restval="")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, text.getvalue())
