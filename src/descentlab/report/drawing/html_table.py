"""Tables of panels as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Markup:
    """Return a table that the reader can sort and copy, and below it a note; all texts are escaped."""
    head = Markup("").join(Markup('<th scope="col">{}</th>').format(each) for each in headings)
    lines = [Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row) for row in rows]
    body = Markup("").join(Markup("<tr>{}</tr>").format(line) for line in lines)
    table = Markup('<div class="wide"><table class="data"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>')
    filled = table.format(head, body)
    return filled + Markup('<p class="soft">{}</p>').format(note) if note else filled
