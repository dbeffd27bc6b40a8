"""A comparison on the console, in Markdown and in CSV files. A new column is one more Measure of report/grid.py."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from descentlab.report import origin
from descentlab.report.grid import (
    LABELS,
    MEASURES,
    NONE,
    Grid,
    count,
    grid,
    hyperparameters,
    number,
    seconds,
    test_metrics,
    text,
    why,
)
from descentlab.report.load import Comparison, Loaded, Series, flatten, load, settings_of, show, statuses, varying
from descentlab.report.statistics.estimate import estimate, ranked
from descentlab.store.record import Record

__all__ = ["NONE", "count", "grid", "number", "seconds", "test_metrics", "text"]

WIDE = 160  # columns, where the table goes to a file or a pipe


def console(sweeps: list[Path]) -> Table:
    """The table to print when a sweep has ended; it fits 80 columns. With several problems, a block of rows each.

    Its caption has the notes: what is undefined and why, which baseline failed, what is not strictly comparable.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """
    comparisons = load(sweeps).comparisons
    several = len(comparisons) > 1  # each may have another metric: its name goes into the rows
    grids = [grid(comparison, metric="" if several else None) for comparison in comparisons]
    numbers = list(dict.fromkeys(heading for one in grids for heading in one.headings[LABELS:]))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), caption=_caption(comparisons, grids))
    table.caption_justify, table.caption_style = "left", "dim"
    table.add_column("optimizer", overflow="fold")
    table.add_column("status", overflow="fold")
    for heading in numbers:
        table.add_column("\n".join(heading.rsplit(" ", 1)), justify="right", no_wrap=True)
    for comparison, one in zip(comparisons, grids, strict=True):
        if several:
            metrics = [comparison.monitor if heading in ("best valid", "test") else "" for heading in numbers]
            table.add_row(*(Text(cell, style="bold") for cell in (comparison.name, "", *metrics)))
        for cells in one.rows + one.references:
            optimizer, settings, status = cells[:LABELS]
            by_heading = dict(zip(one.headings, cells, strict=True))
            measured = [by_heading.get(heading, "").replace(" ± ", "\n± ") for heading in numbers]
            table.add_row(*map(Text, [f"{optimizer} {settings}", status.replace(", ", "\n"), *measured]))
        table.add_section()
    return table


def _caption(comparisons: Sequence[Comparison], grids: Sequence[Grid]) -> Text | None:
    """Return the notes of all grids, one a line, under the names of their comparisons where there are several."""
    lines: list[str] = []
    for comparison, one in zip(comparisons, grids, strict=True):
        lines += [f"{comparison.name}: {note}" if len(grids) > 1 else note for note in one.notes]
    return Text("\n".join(lines)) if lines else None


def show_on_console(sweeps: list[Path]) -> Console:
    """Print the table; returns the console, for what is to follow."""
    shown = Console(highlight=False)
    if not shown.is_terminal:
        shown.width = WIDE
    shown.print(console(sweeps))
    return shown


def markdown(comparisons: Sequence[Comparison]) -> str:
    """A table a comparison, under its name, and its notes."""
    return "\n".join(f"### {comparison.name}\n\n{_markdown(grid(comparison))}\n" for comparison in comparisons)


def _markdown(table: Grid) -> str:
    rule = ["---"] * LABELS + ["---:"] * (len(table.headings) - LABELS)
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (table.headings, rule, *table.rows, *table.references)]
    notes = "".join(f"- {note}\n" for note in table.notes)
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped) + (f"\n{notes}" if notes else "")


def write_series(comparisons: Sequence[Comparison], path: Path) -> None:
    """A row a series: `..._ci95` is half the width of the 95 % t-interval over the `n` completed seeds.

    `undefined` has the reasons of what is left empty, `data` the beginning of the data's digest, and `not_comparable` what
    differs from other series of the problem: code, libraries.
    """
    rows: list[dict[str, Any]] = []
    for each in comparisons:
        unlike = origin.differing(each.runs)
        for rank, one in enumerate(ranked(each), 1):
            rows.append(_numbers(each, one, rank) | {"not_comparable": origin.own(one.runs, unlike)})
    _write_csv(path, rows)


def _numbers(comparison: Comparison, series: Series, rank: int) -> dict[str, Any]:
    row: dict[str, Any] = {"problem": comparison.name, "rank": rank, "optimizer": series.optimizer}
    row |= {"label": series.label, "hyperparameters": hyperparameters(series), "status": statuses(series.runs)}
    row["n"] = len(series.completed)
    for measure in MEASURES:
        found = estimate(measure.get(run.summary) for run in series.completed)
        row[measure.key] = found and found.mean
        row[f"{measure.key}_ci95"] = found and found.half_width
    reasons = {measure.key: why(series, measure, comparison.monitor) for measure in MEASURES}
    row["undefined"] = "; ".join(f"{key}: {reason}" for key, reason in reasons.items() if reason)
    row["data"] = series.data[: origin.SHORT]
    return row


def write_runs(loaded: Loaded, path: Path) -> None:
    """A row a run: who it is, the settings that vary, its whole summary."""
    keys = varying([settings_of(run) for run in loaded.runs])
    rows: list[dict[str, Any]] = []
    for each in loaded.comparisons:
        unlike = origin.differing(each.runs)
        runs = [(one, run) for one in each.series for run in one.runs]
        rows += [_run(each, one, run, keys) | {"not_comparable": origin.own([run], unlike)} for one, run in runs]
    _write_csv(path, rows)


def _run(comparison: Comparison, series: Series, run: Record, keys: Iterable[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"sweep": run.sweep, "name": run.name, "id": run.id, "series": series.label}
    row |= {"problem": comparison.name, "optimizer": series.optimizer, "status": run.status, "reason": run.reason}
    row |= {key: run.config.get(key) for key in ("seed", "data_seed")}
    settings = settings_of(run)
    row |= {key: show(settings[key]) for key in keys if key in settings and key not in row}
    row |= {"data.digest": series.data[: origin.SHORT]}
    return row | flatten(run.summary)


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = dict.fromkeys(key for row in rows for key in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
