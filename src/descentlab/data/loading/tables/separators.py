"""Detect the separator of the columns of a text file."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from itertools import islice

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.overrides import override

SEPARATORS, BLANK = ",;\t|", " "
NONE = "\x1f"  # a character that does not occur in text files, so that each line is a single cell
LINES, LEADING = 50, 5  # number of lines examined, and largest number of comment lines before the header
NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:[ '.,]\d{3})+|\d+)?(?:[.,]\d*)?(?:[eE][-+]?\d+)?")
COMMENT = ("#", "%", "//", "!")


def detect_separator(text: str) -> str:
    """Return the separator of `text`: one of , ; tab | or a blank, which represents a run of blanks; NONE if there is none.

    Of the separators that occur equally often in each line, the one under which most cells are numbers is chosen, then the
    most frequent one. If tabs occur equally often, blanks do not separate, since an empty cell would vanish. Leading comment
    lines are ignored, and so are quoted cells. If no separator occurs equally often, the most frequent one of the first line
    is chosen.

    Raises:
        DataError: two separators are equally good.
    """
    lines = [_unquoted(line).strip(" \r\n") for line in islice(io.StringIO(text), LINES) if line.strip()]
    for leading in range(min(LEADING, max(1, len(lines) - 2))):
        found = _even(lines[leading:])
        if found and (not leading or _is_comment(lines, leading, found)):
            return found
    counts = {mark: lines[0].count(mark) for mark in SEPARATORS}
    return max(counts, key=lambda mark: counts[mark]) if any(counts.values()) else NONE


def single_blanks(text: str) -> str:
    """Return `text` with runs of blanks and tabs outside quotes replaced by one blank, and none at the ends of lines."""
    pieces = text.split('"')
    pieces[::2] = [re.sub(r"[ \t]*(\r?\n)[ \t]*", r"\1", re.sub(r"[ \t]+", " ", piece)) for piece in pieces[::2]]
    return '"'.join(pieces).strip(" \t")


def _even(lines: Sequence[str]) -> str | None:
    """Return the best separator that occurs equally often in each of `lines`, or None.

    Raises:
        DataError: two separators are equally good.
    """
    counts = {mark: {line.count(mark) for line in lines} for mark in SEPARATORS}
    even = {mark: (_numeric(lines, mark), *found) for mark, found in counts.items() if len(found) == 1 and 0 not in found}
    best = max(even.values(), default=(0.0, 0))
    chosen = [mark for mark, score in even.items() if score == best]
    blanks = {len(re.findall(r"[ \t]+", line)) for line in lines}
    share = _numeric(lines, BLANK)
    if "\t" not in even and len(blanks) == 1 and 0 not in blanks and share > max(best[0], 0.5 - 1e-9):
        return BLANK
    if len(chosen) > 1:
        fix = " or ".join(override("separator", "tab" if mark == "\t" else mark) for mark in chosen)
        raise DataError(
            f"the columns may be separated by {' or '.join(map(repr, chosen))}, both of which fit every line: {fix}"
        )
    return chosen[0] if chosen else None


def _numeric(lines: Sequence[str], mark: str) -> float:
    """Return the fraction of cells that are numbers; the first line counts only if there is no other."""
    cells = [cell for line in lines[1:] or lines for cell in _cells(line, mark)]
    return sum(map(_is_number, cells)) / max(1, len(cells))


def _is_comment(lines: Sequence[str], leading: int, separator: str) -> bool:
    """Return True if the first `leading` lines are comments: marked as such, or above a line without numbers."""
    marked = all(line.startswith(COMMENT) for line in lines[:leading])
    return marked or not any(map(_is_number, _cells(lines[leading], separator)))


def _cells(line: str, mark: str) -> list[str]:
    return line.split() if mark == BLANK else line.split(mark)


def _is_number(cell: str) -> bool:
    return any(map(str.isdigit, cell)) and NUMBER.fullmatch(cell.strip()) is not None


def _unquoted(line: str) -> str:
    return "".join(line.split('"')[::2])
