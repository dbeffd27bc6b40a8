"""Tables of panels as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Markup:
    """Return a table, and below it a note; all texts are escaped."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(each) for each in headings)
    lines = [_line(row) for row in rows]
    table = Markup('<div class="wide"><table class="data"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    filled = table.format(head, Markup("").join(lines))
    return filled + Markup('<p class="soft">{}</p>').format(note) if note else filled


def _line(row: Sequence[str]) -> Markup:
    """Return a row; its first cell is the heading of the others."""
    cells = [Markup("<td>{}</td>").format(cell) for cell in row[1:]]
    return Markup('<tr><th scope="row" class="name">{}</th>{}</tr>').format(row[0], Markup("").join(cells))
