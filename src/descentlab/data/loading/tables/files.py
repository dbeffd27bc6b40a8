"""Read table files: text in any encoding, gzipped or not, or Parquet. Cells of text files are not converted here."""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tables.options import Options
from descentlab.data.loading.tables.overrides import format_value, override
from descentlab.data.loading.tables.separators import BLANK, NONE, detect_separator, single_blanks
from descentlab.data.loading.tables.unused_keys import refuse_text_keys

TEXT_SUFFIXES = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data", ".gz")
REASON = 120  # characters of a library's message
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_file(path: Path, options: Options) -> pl.DataFrame:
    """Return the table in `path`: columns of strings for a text file, of the file's own types for Parquet.

    Raises:
        DataError: the file does not exist, or it is not a table.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        if content[:4] == b"PAR1":
            table = pl.read_parquet(io.BytesIO(content))
            refuse_text_keys(options, table, f"the Parquet file {path}")
            return table
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        raise DataError(f"data.path={path} cannot be read as a table: {_reason(error)}") from error
    if not any(suffix.lower() in TEXT_SUFFIXES for suffix in path.suffixes[-2:]):
        raise DataError(f"data.path={path} cannot be read as a table: it is neither {', '.join(TEXT_SUFFIXES)} nor Parquet")
    return parse(_decoded(content, path, options.encoding), path, options)


def parse(text: str, path: Path, options: Options) -> pl.DataFrame:
    """Return the table in `text`, with strings as cells and null for blank ones; rows without a value are dropped.

    Raises:
        DataError: the text is empty or has lines of different lengths, or two columns share a name.
    """
    text = text if "\n" in text else text.replace("\r", "\n")
    below = "".join(text.split("\n", options.skip)[options.skip :])
    text = re.sub(r"\n *\Z", "\n", below.lstrip("\r\n"))
    if not text.strip():
        raise DataError(f"data.path={path} is empty{f' after data.skip={options.skip} lines' if options.skip else ''}")
    separator = options.separator or detect_separator(text)
    text = single_blanks(text) if separator == BLANK else text
    before = options.skip + below[: len(below) - len(below.lstrip("\r\n"))].count("\n")
    try:
        raw = pl.read_csv(io.BytesIO(text.encode()), separator=separator, has_header=False, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _uneven(text, separator, path, before) or DataError(
            f"data.path={path} cannot be read as a table: {_reason(error)}"
        ) from error
    if separator != NONE and raw.width > 1 and (uneven := _cut_short(raw, text, separator, path, before)):
        raise uneven
    raw = raw.with_columns(pl.all().str.strip_chars().replace("", None))
    columns = [str(name or f"column_{number}") for number, name in enumerate(raw.row(0), 1)]
    if not options.header:
        columns = [f"column_{number}" for number in range(1, raw.width + 1)]
    if repeated := [name for name, count in Counter(columns).items() if count > 1]:
        raise DataError(f"data.path={path} has several columns named {format_value(repeated[0])}: rename all but one of them")
    table = raw.slice(1 if options.header else 0)
    table.columns = columns
    return table.filter(~pl.all_horizontal(pl.all().is_null())) if table.width > 1 else table


def _reason(error: Exception) -> str:
    """Return the first sentence of a library's message, shortened."""
    text = str(error).strip().split("\n")[0]
    return text if len(text) <= REASON else text[:REASON] + "..."


def _decoded(content: bytes, path: Path, encoding: str | None) -> str:
    try:
        text = content.decode(encoding or "utf-8-sig")
    except LookupError:
        example = "data.encoding=latin-1"
        raise DataError(f"data.encoding={encoding}: unknown encoding; use a codec name of Python, such as {example}") from None
    except UnicodeError as error:
        mark = MARKS.get(content[:2])
        fix = f"data.encoding={mark}" if mark else "data.encoding=latin-1, cp1252 or utf-16"
        raise DataError(f"data.path={path} is not {encoding or 'utf-8'} ({error}): {fix}") from None
    if "\0" in text:
        raise DataError(f"data.path={path} holds null characters, so it is not {encoding or 'utf-8'}: data.encoding=utf-16")
    return text.removeprefix("\ufeff")


def _cut_short(raw: pl.DataFrame, text: str, separator: str, path: Path, before: int) -> DataError | None:
    """Return the error of an unclosed quote or of a line with fewer cells than the first, which polars fills with nulls."""
    filled = raw.filter(pl.all_horizontal(pl.all().is_null())).height
    expected = (raw.height - filled) * (raw.width - 1)
    if '"' not in text and text.count(separator) >= expected:
        return None
    spanning = text.count('"') % 2 and raw[-1].select(pl.any_horizontal(pl.all().str.contains("\n"))).item()
    return _uneven(text, separator, path, before) if raw[:, -1].null_count() > filled or spanning else None


def _uneven(text: str, separator: str, path: Path, before: int) -> DataError | None:
    """Return the error of an unclosed quote, or of the first line whose number of cells differs from that of line 1.

    Args:
        text: the text of the table.
        separator: the separator of its columns.
        path: the file.
        before: the number of lines of the file above `text`.
    """
    if text.count('"') % 2:
        odd = [place for place, line in enumerate(text.split("\n"), 1) if line.count('"') % 2]
        where = f"line {before + odd[-1]} of the file has a double quote that is not closed"
        return DataError(f"data.path={path}: {where}: close or remove it; a quote inside a quoted cell must be doubled")
    try:
        reader = csv.reader(io.StringIO(text), delimiter=separator)
        lines = [(reader.line_num, len(row)) for row in reader if row]
    except csv.Error as error:
        return DataError(f"data.path={path} cannot be read as a table: {_reason(error)}")
    for number, cells in lines:
        if cells != lines[0][1]:
            what = f"line {number} of the table has {cells} cells, the first line {lines[0][1]}"
            fix = f"correct it, or data.separator=...{_comments(lines, before)}"
            return DataError(f"data.path={path}: {what} (separated by {format_value(separator)}): {fix}")
    return None


def _comments(lines: Sequence[tuple[int, int]], before: int) -> str:
    """Return the override that skips comments, if only the first lines differ from the others in the number of cells."""
    usual = lines[-1][1]
    others = [number for number, cells in lines if cells != usual]
    first = [number for number, _ in lines[: len(others)]]
    if others != first or usual < 2 or 2 * len(others) > len(lines):
        return ""
    return f", or {override('skip', before + others[-1])} if the lines above the header are comments"
