"""The results table in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.series import Comparison
from descentlab.report.tables.results import TEXT_COLUMNS, ResultTable, results_table


def markdown_tables(comparisons: Sequence[Comparison]) -> str:
    """Return a table per comparison, each below the comparison's name and followed by its notes."""
    return "\n".join(f"### {comparison.name}\n\n{_markdown(results_table(comparison))}\n" for comparison in comparisons)


def _markdown(table: ResultTable) -> str:
    rule = ["---"] * len(TEXT_COLUMNS) + ["---:"] * (len(table.headings) - len(TEXT_COLUMNS))
    rows = (table.headings, rule, *table.rows, *table.baseline_rows)
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    notes = "".join(f"- {note}\n" for note in table.notes)
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped) + (f"\n{notes}" if notes else "")
