"""The results table on the console, within 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from descentlab.report.load import load
from descentlab.report.series import Comparison
from descentlab.report.tables.results import TEXT_COLUMNS, ResultTable, results_table

PIPE_WIDTH = 160  # width in characters if the output is not a terminal


def show_on_console(sweeps: list[Path]) -> Console:
    """Print the results table of `sweeps`; return the console, for further output."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    console.print(console_table(sweeps))
    return console


def console_table(sweeps: list[Path]) -> Table:
    """Return the results of `sweeps` as a table for the console, with a block of rows per comparison.

    The caption contains the notes of the results tables.

    Raises:
        FileNotFoundError: as `load`.
    """
    comparisons = load(sweeps).comparisons
    several = len(comparisons) > 1  # their metrics may differ: a row contains the names instead of the headings
    results = [results_table(comparison, metric="" if several else None) for comparison in comparisons]
    numbers = list(dict.fromkeys(heading for one in results for heading in one.headings[len(TEXT_COLUMNS) :]))
    table = _empty(numbers, _caption(comparisons, results))
    for comparison, one in zip(comparisons, results, strict=True):
        if several:
            metrics = [comparison.monitor if heading in ("best valid", "test") else "" for heading in numbers]
            table.add_row(*(Text(cell, style="bold") for cell in (comparison.name, "", *metrics)))
        for cells in one.rows + one.baseline_rows:
            optimizer, settings, status = cells[: len(TEXT_COLUMNS)]
            by_heading = dict(zip(one.headings, cells, strict=True))
            measured = [by_heading.get(heading, "").replace(" ± ", "\n± ") for heading in numbers]
            table.add_row(*map(Text, [f"{optimizer} {settings}", status.replace(", ", "\n"), *measured]))
        table.add_section()
    return table


def _empty(numbers: Sequence[str], caption: Text | None) -> Table:
    """Return a table without rows. Headings of numbers are broken before the last word, to save width."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), caption=caption)
    table.caption_justify, table.caption_style = "left", "dim"
    table.add_column("optimizer", overflow="fold")
    table.add_column("status", overflow="fold")
    for heading in numbers:
        table.add_column("\n".join(heading.rsplit(" ", 1)), justify="right", no_wrap=True)
    return table


def _caption(comparisons: Sequence[Comparison], results: Sequence[ResultTable]) -> Text | None:
    """Return the notes of all tables, one per line, preceded by the comparison's name if there are several."""
    lines: list[str] = []
    for comparison, one in zip(comparisons, results, strict=True):
        lines += [f"{comparison.name}: {note}" if len(results) > 1 else note for note in one.notes]
    return Text("\n".join(lines)) if lines else None
