"""The statements and tables of answers in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.answer import Answer
from descentlab.report.flag_lines import flag_lines
from descentlab.report.overall import overall_statement
from descentlab.report.statement import statement
from descentlab.report.tables.answers import PlainTable, bill_table, pairs_table
from descentlab.report.tables.gains import gains_table
from descentlab.report.tables.results import TEXT_COLUMNS, interval_note, results_table
from descentlab.report.tables.robust import robust_table


def markdown_tables(answers: Sequence[Answer]) -> str:
    """Return the statement over all problems, and for each its statement, flags, results, differences and costs."""
    overall = overall_statement(answers)
    return "\n".join(filter(None, [f"{overall}\n" if overall else "", *map(_section, answers)]))


def _section(answer: Answer) -> str:
    table = results_table(answer)
    rows = [*table.rows, *table.baseline_rows]
    flags = "".join(f"- {line.message}\n" for line in flag_lines(answer.flags))
    parts = [f"### {answer.comparison.name}\n\n{statement(answer)}\n", flags]
    parts += [_markdown(table.headings, rows, len(TEXT_COLUMNS), [interval_note(table), *table.notes])]
    more = (pairs_table(answer, detailed=True), gains_table(answer), robust_table(answer), bill_table([answer]))
    parts += [_plain(table) for table in more if table is not None]
    return "\n".join(filter(None, parts))


def _plain(table: PlainTable) -> str:
    return f"{table.title}:\n\n{_markdown(table.headings, table.rows, 1, table.notes)}"


def _markdown(headings: Sequence[str], rows: Sequence[Sequence[str]], texts: int, notes: Sequence[str]) -> str:
    """Return a table whose first `texts` columns are aligned to the left, and its notes as a list."""
    rule = ["---"] * texts + ["---:"] * (len(headings) - texts)
    escaped = [[cell.replace("|", "\\|") for cell in row] for row in (headings, rule, *rows)]
    listed = "".join(f"- {note}\n" for note in notes if note)
    return "".join(f"| {' | '.join(row)} |\n" for row in escaped) + (f"\n{listed}" if listed else "")
