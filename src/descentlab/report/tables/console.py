"""The answers on the console, within 80 columns: statements, warnings, and tables of results, differences and costs."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from descentlab.report.answer import Answer
from descentlab.report.overall import problem_prefix, statements
from descentlab.report.tables.answers import POWER, PlainTable, bill_table, pairs_table
from descentlab.report.tables.console_table import PIPE_WIDTH, bare_table, console_table

WIDE = 110  # columns of a terminal from which the table of differences is shown in full
NARROW_LACKS = ("correlation", "effect size", "wins", "power")  # columns of that table that a narrower terminal leaves out
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
    for answer in answers:
        for flag in answer.flags:
            console.print(Text(wrapped(f"! {problem_prefix(answer, answers)}{flag.message}", console.width), style="yellow"))
    console.print()
    console.print(console_table(answers, console.width))
    compared = [answer for answer in answers if len(answer.pairs) > 1]
    for answer in compared:
        differences = pairs_table(answer)
        if differences is not None:
            notes = differences.notes if answer is compared[-1] else []
            _show_plain(replace(differences, notes=notes), console, problem_prefix(answer, answers))
    if any(entry.candidates > 1 for answer in answers for entry in answer.entries):
        _show_plain(bill_table(answers), console)
    console.print()


def wrapped(text: str, width: int) -> str:
    """Return `text` in lines of at most `width` characters; later lines are indented, intervals and "n = 5" not divided."""
    kept = TOGETHER.sub(lambda found: found.group().replace(" ", NO_BREAK), text)
    lines = textwrap.wrap(kept, width, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
    return "\n".join(lines).replace(NO_BREAK, " ")


def _show_plain(plain: PlainTable, console: Console, prefix: str = "") -> None:
    kept = [i for i, name in enumerate(plain.headings) if console.width >= WIDE or name not in NARROW_LACKS]
    table = bare_table([note for note in plain.notes if console.width >= WIDE or note != POWER])
    for index in kept:
        numeric = index > 0 and plain.headings[index] != "conclusion"
        table.add_column(plain.headings[index], justify="right" if numeric else "left", overflow="fold", no_wrap=numeric)
    for row in plain.rows:
        table.add_row(*(Text(row[index]) for index in kept))
    console.print(Padding(Text(f"{prefix}{plain.title}", style="bold"), (1, 0, 0, 0)))
    console.print(table)
