"""The tables of answers in LaTeX, with the rules of the package booktabs."""

from __future__ import annotations

import re
from collections.abc import Sequence

from descentlab.report.answer import Answer
from descentlab.report.statement import statement
from descentlab.report.tables.answers import PlainTable, bill_table, pairs_table
from descentlab.report.tables.gains import gains_table
from descentlab.report.tables.results import TEXT_COLUMNS, interval_note, results_table
from descentlab.report.tables.robust import robust_table

HEAD = "% Tables of a report of descentlab. The preamble of the document needs \\usepackage{booktabs}.\n"
CHARACTERS = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$"},
    **{
        "–": "--",
        "−": "$-$",
        "≈": r"$\approx$",
        "×": r"$\times$",
        "µ": r"$\mu$",
        "≤": r"$\leq$",
        "≥": r"$\geq$",
        "…": r"\dots{}",
    },
}
EXPONENT = re.compile(r"(?<![\w.])(-?)(\d+(?:\.\d+)?)e([+-])0*(\d+)\b")
NEGATIVE = re.compile(r"(?<![\w${.-])-(?=\d)")
NOT_LABEL = re.compile(r"[^a-z0-9]+")


def latex_tables(answers: Sequence[Answer]) -> str:
    """Return the tables of each answer: the results of the entries and baselines, the differences and the costs.

    Settings that were not selected are left out; table.csv and table.md contain them.
    """
    return "\n".join([HEAD, *map(_section, answers)])


def _section(answer: Answer) -> str:
    name, table = answer.comparison.name, results_table(answer)
    rows = [*table.rows[: table.selected], *table.baseline_rows]
    notes = [note for note in (interval_note(table), *table.notes) if note]
    results = PlainTable(f"Results on {name}", table.headings, rows, notes)
    more = (pairs_table(answer, detailed=True), gains_table(answer), robust_table(answer), bill_table([answer]))
    parts = [_table(results, name, len(TEXT_COLUMNS)), *(_table(each, name, 1) for each in more if each is not None)]
    return "\n".join([f"% {name}: {statement(answer)}\n", *parts])


def _table(table: PlainTable, name: str, texts: int) -> str:
    """Return a table whose first `texts` columns are aligned to the left; the notes follow the caption."""
    columns = "l" * texts + "r" * (len(table.headings) - texts)
    lines = [" & ".join(map(escape_latex, cells)) + r" \\" for cells in (table.headings, *table.rows)]
    caption = " ".join([f"{escape_latex(table.title)}.", *map(escape_latex, table.notes)])
    label = NOT_LABEL.sub("-", f"{name} {table.title}".lower()).strip("-")
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption}}}",
            rf"\label{{tab:{label}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def escape_latex(text: str) -> str:
    """Return `text` for LaTeX: special characters are escaped; negative numbers and powers of ten are set as mathematics."""
    escaped = "".join(CHARACTERS.get(character, character) for character in text)
    escaped = EXPONENT.sub(lambda found: _power(*found.groups()), escaped)
    return NEGATIVE.sub("$-$", escaped)


def _power(sign: str, digits: str, exponent_sign: str, exponent: str) -> str:
    return rf"${sign}{digits} \times 10^{{{exponent_sign.replace('+', '')}{exponent}}}$"
