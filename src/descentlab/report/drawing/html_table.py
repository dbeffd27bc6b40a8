"""Tables of panels as HTML."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> Markup:
    """Return a table, and below it a note; all texts are escaped."""
    head = Markup("").join(Markup("<th>{}</th>").format(each) for each in headings)
    lines = [Markup("").join(Markup("<td>{}</td>").format(cell) for cell in row) for row in rows]
    body = Markup("").join(Markup("<tr>{}</tr>").format(line) for line in lines)
    table = Markup('<div class="wide"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>').format(head, body)
    return table + Markup('<p class="soft">{}</p>').format(note) if note else table
