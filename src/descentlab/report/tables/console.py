"""The answers on the console, within 80 columns: statements, warnings, and tables of results, differences and costs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Container, Sequence
from dataclasses import replace

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from descentlab.report.answer import Answer
from descentlab.report.overall import overall_statement
from descentlab.report.statement import statement
from descentlab.report.tables.answers import PlainTable, bill_table, pairs_table
from descentlab.report.tables.results import TEXT_COLUMNS, ResultTable, results_table
from descentlab.store.record import Status

PIPE_WIDTH = 160  # width in characters if the output is not a terminal
WIDE = 110  # columns of a terminal from which the table of differences is shown in full
NARROW_LACKS = ("correlation", "effect size", "wins")  # columns of that table that a narrower terminal leaves out
DISPENSABLE = (
    "tokens per second",
    "seconds to target",
    "best valid",
    "steps to target",
    "gradient evaluations",
)  # in this order
MAX_NAME = 30  # characters of a row's name that other columns give way to; a longer one is folded
MAX_UNSELECTED = 12  # rows of settings that were not selected
TOGETHER = re.compile(r"\S+ \[[^ ]+ [^ ]+\]|\b[np] [=<] \S+")  # "0.98 [0.97, 0.99]", "n = 5"
NO_BREAK = "\N{NO-BREAK SPACE}"

Row = dict[str, str]  # heading -> cell


def make_console() -> Console:
    """Return a console for the answers; without a terminal its width is PIPE_WIDTH."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = PIPE_WIDTH
    return console


def show_answers(answers: Sequence[Answer], console: Console) -> None:
    """Print the statements with their warnings, the results, the differences of three or more entries, and the costs."""
    for line in statements(answers):
        console.print(Text(wrapped(line, console.width), style="bold"))
    for answer in answers:
        for flag in answer.flags:
            console.print(Text(wrapped(f"! {_prefix(answer, answers)}{flag.message}", console.width), style="yellow"))
    console.print()
    console.print(console_table(answers, console.width))
    compared = [answer for answer in answers if len(answer.pairs) > 1]
    for answer in compared:
        differences = pairs_table(answer)
        if differences is not None:
            notes = differences.notes if answer is compared[-1] else []
            _show_plain(replace(differences, notes=notes), console, _prefix(answer, answers))
    if any(entry.candidates > 1 for answer in answers for entry in answer.entries):
        _show_plain(bill_table(answers), console)
    console.print()


def statements(answers: Sequence[Answer]) -> list[str]:
    """Return the statement of each answer, and of several problems the one over all."""
    lines = [f"{_prefix(answer, answers)}{statement(answer)}" for answer in answers]
    return [*lines, *filter(None, [overall_statement(answers)])]


def wrapped(text: str, width: int) -> str:
    """Return `text` in lines of at most `width` characters; later lines are indented, intervals and "n = 5" not divided."""
    kept = TOGETHER.sub(lambda found: found.group().replace(" ", NO_BREAK), text)
    lines = textwrap.wrap(kept, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(NO_BREAK, " ")


def _prefix(answer: Answer, answers: Sequence[Answer]) -> str:
    return f"{answer.comparison.name}: " if len(answers) > 1 else ""


def _show_plain(plain: PlainTable, console: Console, prefix: str = "") -> None:
    kept = [i for i, name in enumerate(plain.headings) if console.width >= WIDE or name not in NARROW_LACKS]
    table = _bare(plain.notes)
    for index in kept:
        numeric = index > 0 and plain.headings[index] != "conclusion"
        table.add_column(plain.headings[index], justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for row in plain.rows:
        table.add_row(*(Text(row[index]) for index in kept))
    console.print(Padding(Text(f"{prefix}{plain.title}", style="bold"), (1, 0, 0, 0)))
    console.print(table)


def console_table(answers: Sequence[Answer], width: int = PIPE_WIDTH) -> Table:
    """Return the results of `answers` as a table for the console, with a block of rows per comparison.

    The caption contains the notes of the results tables. Columns of DISPENSABLE are left out if the table is wider than
    `width`, and the column of statuses if all runs completed.
    """
    several = len(answers) > 1  # their metrics may differ: a row contains the names instead of the headings
    results = [results_table(answer, metric="" if several else None) for answer in answers]
    blocks = [_block(answer, one, several) for answer, one in zip(answers, results, strict=True)]
    headings = list(dict.fromkeys(heading for block in blocks for row, _ in block for heading in row))
    compared = {heading for answer in answers for heading in _compared(answer)}
    kept, left_out = _fitting(headings, blocks, width, compared)
    notes = [f"left out: {', '.join(left_out)}; see table.md, or a wider terminal"] if left_out else []
    table = _bare([*_notes(answers, results), *notes])
    for heading in kept:
        if heading in ("optimizer", "status"):
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(_broken_heading(heading), justify="right", no_wrap=True)
    for block in blocks:
        for row, style in block:
            table.add_row(*(Text(row.get(heading, ""), style=style) for heading in kept))
        table.add_section()
    return table


def _block(answer: Answer, one: ResultTable, several: bool) -> list[tuple[Row, str]]:
    """Return the rows of a comparison, each a mapping from headings to cells, and its style."""
    rows: list[tuple[Row, str]] = []
    if several:
        monitor = answer.comparison.monitor
        rows.append(({"optimizer": answer.comparison.name, "best valid": monitor, "test": monitor}, "bold"))
    completed = all(run.status is Status.COMPLETED for run in answer.comparison.runs) and not one.baseline_rows
    for index, cells in enumerate(_shown(one) + one.baseline_rows):
        named = dict(zip(one.headings, cells, strict=True))
        row = {"optimizer": f"{named['optimizer']} {named['hyperparameters']}".strip()}
        row |= {} if completed else {"status": named["status"].replace(", ", "\n")}
        row |= {heading: _broken(named[heading]) for heading in one.headings[len(TEXT_COLUMNS) :]}
        rows.append((row, "" if index < one.selected else "dim"))
    return rows


def _compared(answer: Answer) -> list[str]:
    """Return the possible headings of the number that is compared."""
    by = answer.by
    return [f"best valid {by.metric}", "best valid"] if by.key.startswith("valid/") else [by.label, by.key.replace("_", " ")]


def _fitting(
    headings: Sequence[str], blocks: Sequence[Sequence[tuple[Row, str]]], width: int, compared: Container[str]
) -> tuple[list[str], list[str]]:
    """Return the headings of the columns that fit into `width` characters, and those that are left out.

    The columns `compared` are not left out.
    """
    widths = {heading: _width(heading, [row.get(heading, "") for block in blocks for row, _ in block]) for heading in headings}
    widths["optimizer"] = min(widths["optimizer"], MAX_NAME)
    kept = list(headings)
    for heading in (each for start in DISPENSABLE for each in headings if each.startswith(start)):
        if heading not in compared and sum(widths[each] + 1 for each in kept) > width:
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


def _bare(notes: Sequence[str]) -> Table:
    """Return a table without rows and columns, with `notes` as its caption."""
    caption = Text("\n".join(notes)) if notes else None
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), caption=caption)
    table.caption_justify, table.caption_style = "left", "dim"
    return table


def _notes(answers: Sequence[Answer], results: Sequence[ResultTable]) -> list[str]:
    """Return the notes of all tables, preceded by the comparison's name if there are several."""
    lines: list[str] = []
    for answer, one in zip(answers, results, strict=True):
        hidden = len(one.rows) - len(_shown(one))
        notes = [*one.notes, *([f"{hidden} more settings are in table.md"] if hidden else [])]
        lines += [f"{_prefix(answer, answers)}{note}" for note in notes]
    return [*(["[low, high]: 95 % interval of the mean over n seeds"] if _has_interval(results) else []), *lines]


def _has_interval(results: Sequence[ResultTable]) -> bool:
    return any("[" in cell for one in results for row in one.rows for cell in row[len(TEXT_COLUMNS) :])
