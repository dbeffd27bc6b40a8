"""The results of answers as a table for the console, fitted to its width."""

from __future__ import annotations

from collections.abc import Container, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from descentlab.report.answer import Answer
from descentlab.report.overall import problem_prefix
from descentlab.report.tables.results import TEXT_COLUMNS, ResultTable, interval_note, results_table

PIPE_WIDTH = 100  # width in characters if the output is not a terminal
# Columns that a narrow terminal leaves out, the first of these first.
DISPENSABLE = ("tokens per second", "seconds to target", "best valid", "steps to target", "gradient evaluations")
GAP = 2  # characters between two columns
MAX_NAME = 30  # characters of a row's name that other columns give way to; a longer one is folded
MAX_UNSELECTED = 12  # rows of settings that were not selected

Row = dict[str, str]  # heading -> cell


def console_table(answers: Sequence[Answer], width: int = PIPE_WIDTH) -> tuple[Table, list[str]]:
    """Return the results of `answers` as a table for the console, with a block of rows per comparison, and its notes.

    Columns of DISPENSABLE are left out if the table is wider than `width`. The column of statuses is left out if all runs
    completed, since the number of seeds then contains the same.
    """
    several = len(answers) > 1  # their metrics may differ: a row contains the names instead of the headings
    results = [results_table(answer, metric="" if several else None) for answer in answers]
    blocks = [_block(answer, one, several) for answer, one in zip(answers, results, strict=True)]
    numbers = dict.fromkeys(heading for one in results for heading in one.headings[len(TEXT_COLUMNS) :])
    statuses = [] if all(one.all_completed for one in results) else ["status"]
    headings = ["optimizer", *statuses, *numbers]
    kept, left_out = _fitting(headings, blocks, width, {heading for answer in answers for heading in _compared(answer)})
    notes = [f"left out: {', '.join(left_out)}; see table.md, or a wider terminal"] if left_out else []
    table = bare_table()
    for heading in kept:
        if heading in ("optimizer", "status"):
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(_broken_heading(heading), justify="right", no_wrap=True)
    for block in blocks:
        for row, style in block:
            table.add_row(*(Text(row.get(heading, ""), style=style) for heading in kept))
        table.add_section()
    return table, [*_notes(answers, results), *notes]


def _block(answer: Answer, one: ResultTable, several: bool) -> list[tuple[Row, str]]:
    """Return the rows of a comparison, each a mapping from headings to cells, and its style."""
    rows: list[tuple[Row, str]] = []
    if several:
        monitor = answer.comparison.monitor
        rows.append(({"optimizer": answer.comparison.name, "best valid": monitor, "test": monitor}, "bold"))
    for index, cells in enumerate(_shown(one) + one.baseline_rows):
        named = dict(zip(one.headings, cells, strict=True))
        row = {"optimizer": f"{named['optimizer']} {named['hyperparameters']}".strip()}
        row |= {"status": named["status"].replace(", ", "\n").replace(" at ", "\nat ")}
        row |= {heading: _broken(named[heading]) for heading in one.headings[len(TEXT_COLUMNS) :]}
        rows.append((row, "" if index < one.selected else "dim"))
    return rows


def _compared(answer: Answer) -> list[str]:
    """Return the possible headings of the number that is compared."""
    by = answer.by
    return [f"best valid {by.metric}", "best valid"] if by.key.startswith("valid/") else [by.label, by.key.replace("_", " ")]


def _fitting(
    headings: Sequence[str], blocks: Sequence[Sequence[tuple[Row, str]]], width: int, fixed: Container[str]
) -> tuple[list[str], list[str]]:
    """Return the headings of the columns that fit into `width` characters, and those that are left out.

    The columns `fixed` are not left out.
    """
    widths = {heading: _width(heading, [row.get(heading, "") for block in blocks for row, _ in block]) for heading in headings}
    widths["optimizer"] = min(widths["optimizer"], MAX_NAME)
    kept = list(headings)
    for heading in (each for start in DISPENSABLE for each in headings if each.startswith(start)):
        if heading not in fixed and sum(widths[each] + GAP for each in kept) - GAP > width:
            kept.remove(heading)
    return kept, [heading for heading in headings if heading not in kept]


def _width(heading: str, cells: Sequence[str]) -> int:
    return max(len(line) for text in (_broken_heading(heading), *cells) for line in text.split("\n"))


def _broken_heading(heading: str) -> str:
    """Return a heading with its last word on a second line, to save width."""
    return "\n".join(heading.rsplit(" ", 1))


def _shown(table: ResultTable) -> list[list[str]]:
    return table.rows[: table.selected + MAX_UNSELECTED]


def _broken(cell: str) -> str:
    """Return a cell with its interval on a second line."""
    return cell.replace(" [", "\n[").replace(" (", "\n(")


def _notes(answers: Sequence[Answer], results: Sequence[ResultTable]) -> list[str]:
    """Return the notes of all tables, preceded by the comparison's name if there are several."""
    lines: list[str] = []
    for answer, one in zip(answers, results, strict=True):
        hidden = len(one.rows) - len(_shown(one))
        notes = [*one.notes, *([f"{hidden} more settings are in table.md"] if hidden else [])]
        lines += [f"{problem_prefix(answer, answers)}{note}" for note in notes]
    return [*dict.fromkeys(filter(None, map(interval_note, results))), *lines]


def bare_table() -> Table:
    """Return a table without rows and columns."""
    return Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
