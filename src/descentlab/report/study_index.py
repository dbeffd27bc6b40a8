"""The index of the studies in a folder: one line for each, with its claim and verdict; and the same as a Markdown table."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from descentlab.report.drawing.style import DARK
from descentlab.report.formats import format_seconds
from descentlab.report.layout import template
from descentlab.report.study_page import PAGE, check_row, seeds_text
from descentlab.store.record import write_text
from descentlab.store.verdict import VERDICT, StudyVerdict

INDEX = "studies.html"
BEGIN, END = "<!-- verdicts: begin -->", "<!-- verdicts: end -->"


def find_verdicts(folder: Path) -> dict[Path, StudyVerdict]:
    """Return the verdicts in the subfolders of `folder`, by path; papers by their row first, then the guide's statements."""
    found = {path.parent: StudyVerdict.read(path.parent) for path in sorted(folder.glob(f"*/{VERDICT}"))}
    kept = {path: verdict for path, verdict in found.items() if verdict is not None}
    return dict(sorted(kept.items(), key=lambda item: _order(item[1])))


def _order(verdict: StudyVerdict) -> tuple[bool, int, str, str]:
    number = re.match(r"\d+", verdict.row)
    return verdict.name.startswith("guide/"), int(number[0]) if number else 999, verdict.row, verdict.name


def write(folder: Path) -> Path:
    """Write studies.html into `folder`, and return its path."""
    verdicts = find_verdicts(folder)
    rows = [
        {"verdict": verdict, "page": os.path.relpath(path / PAGE, folder), "seeds": seeds_text(verdict.seeds)}
        | {"checks": [check_row(check) for check in verdict.checks], "cost": format_seconds(verdict.seconds)}
        for path, verdict in verdicts.items()
    ]
    counts = {
        name: sum(v.verdict == name for v in verdicts.values()) for name in dict.fromkeys(v.verdict for v in verdicts.values())
    }
    page = folder / INDEX
    write_text(page, template("studies.html.jinja").render(rows=rows, counts=counts, inks=list(DARK.items())))
    return page


def markdown(verdicts: Sequence[StudyVerdict]) -> str:
    """Return a Markdown table of verdicts: row, study, claim, outcome of the checks, seeds, verdict, and that with other seeds.

    A study with several sets of seeds is one row, whose checks are those of the set with the lowest seeds.
    """
    studies: dict[tuple[str, str], list[StudyVerdict]] = {}
    for verdict in sorted(verdicts, key=lambda each: each.seeds):
        studies.setdefault((verdict.name, verdict.size), []).append(verdict)
    lines = ["| # | study | claim | found | seeds | verdict | with other seeds |", f"|{' --- |' * 7}"]
    for verdict, *others in sorted(studies.values(), key=lambda sets: _order(sets[0])):
        found = "; ".join(f"{row['text']}: {row['estimate']} ({row['bound']})" for row in map(check_row, verdict.checks))
        again = "; ".join(f"{seeds_text(other.seeds)}: {other.verdict}" for other in others)
        cells = [verdict.row, f"`{verdict.name}`", verdict.claim, found, seeds_text(verdict.seeds), verdict.verdict, again]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def replace_table(document: Path, verdicts: Sequence[StudyVerdict]) -> None:
    """Replace the table between the two marks of a Markdown file.

    Raises:
        ValueError: the file does not have the marks.
    """
    before, begin, rest = document.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document} has no lines {BEGIN} and {END}, between which the table is written")
    write_text(document, f"{before}{BEGIN}\n{markdown(verdicts)}{END}{after}")


def lines_of(verdict: StudyVerdict) -> Iterator[str]:
    """Yield the verdict and the outcome of each check as lines for a terminal."""
    yield f"{verdict.name}: {verdict.verdict}"
    for row in map(check_row, verdict.checks):
        reason = f"; {row['reason']}" if row["reason"] else ""
        found = f"{row['effect']} {row['estimate']}, claimed {row['bound']} (n = {row['n']}){reason}"
        yield f"  {row['verdict']:15} {row['text']}: {found}"
    yield from (f"  deviation: {line}" for line in verdict.deviations)
    yield from (f"  note: {line}" for line in verdict.notes)
