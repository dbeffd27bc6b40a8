"""The table of runs: a row per run with its role, its whole config, its results and its provenance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from descentlab.report import comparability
from descentlab.report.load import Results
from descentlab.report.series import Comparison, Series
from descentlab.report.settings import flatten, format_value
from descentlab.store.record import Record, write_text

# Columns of every table, in this order; those that do not apply to a run are null.
IDENTITY = (
    *("sweep", "name", "id", "problem", "optimizer", "series", "role", "arm", "trial"),
    *("status", "reason", "seed", "data_seed"),
)
RESULTS = (
    *("monitor", "mode", "best_valid", "best_step", "steps", "examples", "epochs", "gradient_evaluations", "train_seconds"),
    *("target", "steps_to_target", "gradient_evaluations_to_target", "seconds_to_target", "diverged_step"),
    *("first_train_loss", "last_train_loss"),
)
PROVENANCE = ("data.digest", "not_comparable")

Row = dict[str, Any]


def runs_frame(results: Results) -> pl.DataFrame:
    """Return a frame with a row per run.

    Columns: those of IDENTITY; every key of the config with dots, such as ``optimizer.lr``, and the chosen option of each
    config group under its name; those of RESULTS; the rest of the summary, such as ``test.accuracy``; timings, hardware and
    code; those of PROVENANCE. A list is its JSON text, and a key that a run lacks is null. The columns do not depend on which
    settings vary.

    `role` is "trial", "report", "default" or "superseded" in a tuned sweep (see `store.manifest.Arm`), with the `arm` and
    the index of the `trial`; null in others.
    `series` is the label of the runs that differ in their seeds only.
    """
    rows = list(_rows(results))
    config = _keys(row[0] for row in rows)
    summary = _keys(row[1] for row in rows)
    columns = list(dict.fromkeys([*IDENTITY, *config, *RESULTS, *summary, *PROVENANCE]))
    merged = [config_row | summary_row for config_row, summary_row in rows]
    return pl.DataFrame({key: [_scalar(row.get(key)) for row in merged] for key in columns}, strict=False)


def write_runs(results: Results, path: Path) -> None:
    """Write the table of runs as a CSV file with unrounded numbers."""
    write_text(path, runs_frame(results).write_csv())


def _rows(results: Results) -> Iterator[tuple[Row, Row]]:
    """Yield the settings of each run, and its results and provenance."""
    members = {id: asdict(member) for id, member in results.members.items()}
    for comparison in results.comparisons:
        unlike = comparability.version_differences(comparison.all_runs)
        series_of = {run.id: series for series in (*comparison.trials, *comparison.series) for run in series.runs}
        for run in comparison.all_runs:
            series = series_of[run.id]
            own = {"not_comparable": comparability.own_versions([run], unlike)}
            yield _settings(comparison, series, run) | members.get(run.id, {}), _results(series, run) | own


def _settings(comparison: Comparison, series: Series, run: Record) -> Row:
    row: Row = {"sweep": run.sweep, "name": run.name, "id": run.id, "series": series.label}
    row |= {"problem": comparison.name, "optimizer": series.optimizer, "status": str(run.status), "reason": run.reason}
    return flatten(run.config) | run.choices | row


def _results(series: Series, run: Record) -> Row:
    known = run.summary | {"timings": run.timings, "hardware": run.hardware, "code": run.code}
    found = {key: value for key, value in flatten(known).items() if value != {}}
    return found | {"data.digest": series.data[: comparability.SHORT]}


def _keys(rows: Iterable[Row]) -> dict[str, None]:
    return dict.fromkeys(key for row in rows for key in row)


def _scalar(value: Any) -> Any:
    return format_value(value) if isinstance(value, list | dict) else value
