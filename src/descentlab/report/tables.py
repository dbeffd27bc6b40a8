"""The comparison in rows: for the console, Markdown, CSV and the page. A new column is one more Measure."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from descentlab.records import Record
from descentlab.report.load import (
    Comparison,
    Loaded,
    Series,
    assignment,
    flatten,
    load,
    settings_of,
    show,
    statuses,
    varying,
)
from descentlab.report.statistics import Estimate, estimate, ranked

NONE = "–"
WIDE = 160  # columns, where the table goes to a file or a pipe
LABELS = 3  # the first columns of a Grid are words, the others numbers


@dataclass(frozen=True)
class Measure:
    """One number of a run: its key in the CSV, its heading ({metric}: what is monitored), how to get and write it."""

    key: str
    heading: str
    get: Callable[[Mapping[str, Any]], float | None]
    write: Callable[[float], str]


def number(value: float) -> str:
    """0.9733, 1.2e-05: four significant digits."""
    return f"{value:.4g}"


def count(value: float) -> str:
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


MEASURES = (
    Measure("best_valid", "best valid {metric}", lambda summary: summary.get("best_valid"), number),
    Measure("test", "test {metric}", lambda summary: summary.get("test", {}).get(summary.get("monitor")), number),
    Measure("gap", "gap to optimum", lambda summary: summary.get("gap"), number),
    Measure("steps", "steps", lambda summary: summary.get("steps"), count),
    Measure("gradient_evaluations", "gradient evaluations", lambda summary: summary.get("gradient_evaluations"), count),
    Measure("steps_to_target", "steps to target", lambda summary: summary.get("steps_to_target"), count),
    Measure("seconds_to_target", "seconds to target", lambda summary: summary.get("seconds_to_target"), seconds),
    Measure("train_seconds", "train seconds", lambda summary: summary.get("train_seconds"), seconds),
    Measure("tokens_per_second", "tokens per second", lambda summary: summary.get("tokens_per_second"), count),
)
COSTS = ("steps", "gradient_evaluations")


def text(found: Estimate, write: Callable[[float], str]) -> str:
    """The mean, with several seeds as in "0.9733 ± 0.0041": to the second digit of its interval's half width."""
    half = found.half_width
    if half is None:
        return write(found.mean)
    if half == 0:
        return f"{write(found.mean)} ± 0"
    decimals = 0 if write is count else max(0, 1 - math.floor(math.log10(half)))
    if decimals > 6:
        return f"{found.mean:.4g} ± {half:.2g}"
    return f"{found.mean:,.{decimals}f} ± {half:,.{decimals}f}"


def _cell(series: Series, measure: Measure) -> str:
    values = [measure.get(run.summary) for run in series.completed]
    found = estimate(values)
    if found is not None:
        return text(found, measure.write)
    known = sum(value is not None for value in values)
    return f"{known} of {len(values)} seeds" if known else NONE  # a mean over some of the seeds would flatter


def hyperparameters(series: Series) -> str:
    """The learning rate, then what tells the series from others."""
    lr = {key: series.settings[key] for key in ("optimizer.lr",) if key in series.settings}
    return " ".join(assignment(key, value) for key, value in (lr | series.differences).items())


@dataclass(frozen=True)
class Grid:
    """A table ready to show: a row of strings a series, the best first.

    Measures that no run has are left out, and so are COSTS where every step takes one gradient: a step is a step then.
    References that stand beside the runs follow in rows of their own.
    """

    headings: list[str]
    rows: list[list[str]]
    series: list[Series]
    references: list[list[str]]


def grid(comparison: Comparison, metric: str | None = None) -> Grid:
    """The table of a comparison; `metric`: what headings call the monitored one, by default its name."""
    order = ranked(comparison)
    plain = all(run.summary.get("steps") == run.summary.get("gradient_evaluations") for run in comparison.runs)
    told = [measure for measure in MEASURES if not (plain and measure.key in COSTS)]
    known = [measure for measure in told if any(measure.get(run.summary) is not None for run in comparison.runs)]
    headings = ["optimizer", "hyperparameters", "status", "n"]
    headings += [measure.heading.format(metric=comparison.monitor if metric is None else metric).strip() for measure in known]
    rows = [
        [one.optimizer, hyperparameters(one), statuses(one.runs), str(len(one.completed))]
        + [_cell(one, measure) for measure in known]
        for one in order
    ]
    references = [
        [name, "", "baseline", ""] + [_of_reference(test, comparison.monitor) if each.key == "test" else NONE for each in known]
        for name, test in _references(comparison).items()
    ]
    return Grid(headings, rows, order, references)


def _references(comparison: Comparison) -> dict[str, dict[str, float]]:
    """The test metrics of what was asked for as baseline=..., by name."""
    return {found["name"]: found["test"] for run in comparison.runs if (found := run.summary.get("baseline"))}


def _of_reference(test: Mapping[str, float], name: str) -> str:
    return number(test[name]) if name in test else NONE


def test_metrics(comparison: Comparison) -> Grid:
    """Every test metric of every series, and of the references beside them; empty if there is but the one that ranks."""
    order = ranked(comparison)
    tests = [run.summary.get("test") or {} for run in comparison.runs]
    names = list(dict.fromkeys(name for test in tests for name in test))
    references = _references(comparison)
    if not references and set(names) <= {comparison.monitor, "loss"}:
        return Grid([], [], [], [])
    rows = [[one.label, *(_cell(one, _test_metric(name)) for name in names)] for one in order]
    known = [name for place, name in enumerate(names, 1) if any(row[place] != NONE for row in rows)]
    beside = [[name, *(_of_reference(test, key) for key in known)] for name, test in references.items()]
    return Grid(["", *known], rows, order, beside)


def _test_metric(name: str) -> Measure:
    return Measure(name, name, lambda summary: (summary.get("test") or {}).get(name), number)


def console(sweeps: list[Path]) -> Table:
    """The table to print when a sweep has ended; it fits 80 columns. With several problems, a block of rows each.

    Raises:
        FileNotFoundError, ValueError: as `load`.
    """
    comparisons = load(sweeps).comparisons
    several = len(comparisons) > 1  # each may have another metric: its name goes into the rows
    grids = [grid(comparison, metric="" if several else None) for comparison in comparisons]
    numbers = list(dict.fromkeys(heading for one in grids for heading in one.headings[LABELS:]))
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("optimizer", overflow="fold")
    table.add_column("status", overflow="fold")
    for heading in numbers:
        table.add_column("\n".join(heading.rsplit(" ", 1)), justify="right", no_wrap=True)
    for comparison, one in zip(comparisons, grids, strict=True):
        if several:
            metrics = [comparison.monitor if heading in ("best valid", "test") else "" for heading in numbers]
            table.add_row(*(Text(cell, style="bold") for cell in (comparison.problem, "", *metrics)))
        for cells in one.rows + one.references:
            optimizer, settings, status = cells[:LABELS]
            by_heading = dict(zip(one.headings, cells, strict=True))
            measured = [by_heading.get(heading, "").replace(" ± ", "\n± ") for heading in numbers]
            table.add_row(*map(Text, [f"{optimizer} {settings}", status.replace(", ", "\n"), *measured]))
        table.add_section()
    return table


def show_on_console(sweeps: list[Path]) -> Console:
    """Print the table; returns the console, for what is to follow."""
    shown = Console(highlight=False)
    if not shown.is_terminal:
        shown.width = WIDE
    shown.print(console(sweeps))
    return shown


def markdown(comparisons: Sequence[Comparison]) -> str:
    """A table a problem, under its name."""
    return "\n".join(f"### {comparison.problem}\n\n{_markdown(grid(comparison))}\n" for comparison in comparisons)


def _markdown(table: Grid) -> str:
    rule = ["---"] * LABELS + ["---:"] * (len(table.headings) - LABELS)
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (table.headings, rule, *table.rows, *table.references)]
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped)


def write_series(comparisons: Sequence[Comparison], path: Path) -> None:
    """A row a series: `..._ci95` is half the width of the 95 % t-interval over the `n` completed seeds."""
    _write_csv(path, [_numbers(one, rank) for each in comparisons for rank, one in enumerate(ranked(each), 1)])


def _numbers(series: Series, rank: int) -> dict[str, Any]:
    row: dict[str, Any] = {"problem": series.problem, "rank": rank, "optimizer": series.optimizer}
    row |= {"label": series.label, "hyperparameters": hyperparameters(series), "status": statuses(series.runs)}
    row["n"] = len(series.completed)
    for measure in MEASURES:
        found = estimate(measure.get(run.summary) for run in series.completed)
        row[measure.key] = found and found.mean
        row[f"{measure.key}_ci95"] = found and found.half_width
    return row


def write_runs(loaded: Loaded, path: Path) -> None:
    """A row a run: who it is, the settings that vary, its whole summary."""
    keys = varying([settings_of(run) for run in loaded.runs])
    _write_csv(path, [_run(one, run, keys) for one in loaded.series for run in one.runs])


def _run(series: Series, run: Record, keys: Iterable[str]) -> dict[str, Any]:
    row: dict[str, Any] = {"sweep": run.sweep, "name": run.name, "id": run.id, "series": series.label}
    row |= {"problem": series.problem, "optimizer": series.optimizer, "status": run.status, "reason": run.reason}
    row |= {key: run.config.get(key) for key in ("seed", "data_seed")}
    settings = settings_of(run)
    row |= {key: show(settings[key]) for key in keys if key in settings and key not in row}
    return row | flatten(run.summary)


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    columns = dict.fromkeys(key for row in rows for key in row)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns), restval="")
        writer.writeheader()
        writer.writerows(rows)
