"""The answers on the console, fitted to its width: statements, warnings, and tables of results, differences and costs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.text import Text

from descentlab.report.answer import Answer
from descentlab.report.flag_lines import flag_lines
from descentlab.report.overall import problem_prefix, statements
from descentlab.report.tables.answers import PlainTable, bill_table, pairs_table
from descentlab.report.tables.console_table import GAP, PIPE_WIDTH, bare_table, console_table

DISPENSABLE = ("power", "correlation", "wins", "effect size")  # columns that a narrow terminal leaves out, the first ones first
TOGETHER = re.compile(r"\S+ \[[^ ]+ [^ ]+\]|\b[np] [=<] \S+")  # "0.98 [0.97, 0.99]", "n = 5"
NO_BREAK = "\N{NO-BREAK SPACE}"


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
    if any(answer.flags for answer in answers):
        console.print()
    for answer in answers:
        for line in flag_lines(answer.flags):
            console.print(Text(wrapped(f"! {problem_prefix(answer, answers)}{line.message}", console.width), style="yellow"))
    console.print()
    table, notes = console_table(answers, console.width)
    console.print(table)
    _show_notes(notes, console)
    _show_differences([answer for answer in answers if len(answer.pairs) > 1 and answer.has_differences], answers, console)
    if any(entry.candidates > 1 for answer in answers for entry in answer.entries):
        _show_plain(bill_table(answers), console)
    console.print()


def _show_differences(shown: Sequence[Answer], answers: Sequence[Answer], console: Console) -> None:
    """Print the table of each answer of `shown`, and below the last one the notes of all, each once."""
    found = [(answer, table) for answer in shown if (table := pairs_table(answer)) is not None]
    owners: dict[str, list[Answer]] = {}
    for answer, table in found:
        for note in table.notes:
            owners.setdefault(note, []).append(answer)
    for answer, table in found:
        notes: list[str] = []
        if answer is found[-1][0]:
            shared = {note for note, own in owners.items() if len(own) == len(found)}
            notes = [_with_owners(note, [] if note in shared else own) for note, own in owners.items()]
        _show_plain(replace(table, notes=notes), console, problem_prefix(answer, answers))


def _with_owners(note: str, own: Sequence[Answer]) -> str:
    """Return a note with the names of the problems that it is about; without any, it is about all."""
    return f"{note.removesuffix('.')} ({', '.join(answer.comparison.name for answer in own)})." if own else note


def wrapped(text: str, width: int) -> str:
    """Return `text` in lines of at most `width` characters; later lines are indented, intervals and "n = 5" not divided."""
    kept = TOGETHER.sub(lambda found: found.group().replace(" ", NO_BREAK), text)
    lines = textwrap.wrap(kept, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(NO_BREAK, " ")


def _show_notes(notes: Sequence[str], console: Console) -> None:
    for note in notes:
        console.print(Text(wrapped(note, console.width), style="dim"))


def _show_plain(plain: PlainTable, console: Console, prefix: str = "") -> None:
    plain = replace(plain, rows=[_broken_conclusion(plain.headings, row) for row in plain.rows])
    kept = _fitting(plain, console.width)
    hidden = tuple(f"{name}: " for index, name in enumerate(plain.headings) if index not in kept)
    table = bare_table()
    for index in kept:
        numeric = index > 0 and plain.headings[index] != "conclusion"
        table.add_column(plain.headings[index], justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for row in plain.rows:
        table.add_row(*(Text(row[index]) for index in kept))
    console.print()
    console.print(Text(wrapped(f"{prefix}{plain.title}", console.width), style="bold"))
    console.print(table)
    _show_notes([note for note in plain.notes if not (hidden and note.startswith(hidden))], console)


def _broken_conclusion(headings: Sequence[str], row: Sequence[str]) -> list[str]:
    """Return a row with the parenthesis of its conclusion on a second line, to save width."""
    cells = zip(headings, row, strict=True)
    return [cell.replace(" (", "\n(") if heading == "conclusion" else cell for heading, cell in cells]


def _fitting(plain: PlainTable, width: int) -> list[int]:
    """Return the indices of the columns that fit into `width` characters; those of DISPENSABLE are left out first."""
    kept = list(range(len(plain.headings)))
    columns = zip(plain.headings, *plain.rows, strict=True)
    widths = [max(len(line) for cell in column for line in cell.split("\n")) for column in columns]
    for index in (plain.headings.index(name) for name in DISPENSABLE if name in plain.headings):
        if sum(widths[each] + GAP for each in kept) - GAP > width:
            kept.remove(index)
    return kept
