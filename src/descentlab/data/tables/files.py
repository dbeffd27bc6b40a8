"""Table files: text in any encoding, gzipped or not, or Parquet. Every cell of a text file stays a text here."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import polars as pl

from descentlab.data.sources import DataError
from descentlab.data.tables.options import Options
from descentlab.data.tables.overrides import written

TEXTS, SEPARATORS = (".csv", ".tsv", ".txt", ".tab", ".dat", ".data", ".gz"), ",;\t|"
NONE = "\x1f"  # a separator that no text file holds: its lines are single cells
MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def read_file(path: Path, options: Options) -> pl.DataFrame:
    """Return the table in `path`: columns of texts for a text file, of the file's own types for Parquet.

    Raises:
        DataError: there is no such file, or it is no table.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        if content[:4] == b"PAR1":
            return pl.read_parquet(io.BytesIO(content))
    except (OSError, EOFError, zlib.error, pl.exceptions.PolarsError) as error:
        raise DataError(f"data.path={path} cannot be read as a table: {error}") from error
    if not any(suffix.lower() in TEXTS for suffix in path.suffixes[-2:]):
        raise DataError(f"data.path={path} cannot be read as a table: it is neither {', '.join(TEXTS)} nor Parquet")
    return parse(_decoded(content, path, options.encoding), path, options)


def parse(text: str, path: Path, options: Options) -> pl.DataFrame:
    """Return the table in `text`, every cell a text, blank ones null; rows without any value are left out.

    Raises:
        DataError: the text is empty or has lines of different lengths, or two columns share a name.
    """
    text = text if "\n" in text else text.replace("\r", "\n")
    text = "".join(text.split("\n", options.skip)[options.skip :]).lstrip("\r\n")
    if not text.strip():
        raise DataError(f"data.path={path} is empty{f' after data.skip={options.skip} lines' if options.skip else ''}")
    separator = options.separator or detect_separator(text)
    try:
        raw = pl.read_csv(io.BytesIO(text.encode()), separator=separator, has_header=False, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        raise _uneven(text, separator, path) or DataError(f"data.path={path} cannot be read as a table: {error}") from error
    if separator != NONE and raw.width > 1 and (uneven := _cut_short(raw, text, separator, path)):
        raise uneven
    raw = raw.with_columns(pl.all().str.strip_chars().replace("", None))
    columns = [str(name or f"column_{place}") for place, name in enumerate(raw.row(0), 1)]
    if not options.header:
        columns = [f"column_{place}" for place in range(1, raw.width + 1)]
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise DataError(f"data.path={path} has several columns called {written(twice[0])}: rename all but one of them")
    table = raw.slice(1 if options.header else 0)
    table.columns = columns
    return table.filter(~pl.all_horizontal(pl.all().is_null())) if table.width > 1 else table


def detect_separator(text: str) -> str:
    """Return what separates the columns of `text`: the most frequent of , ; tab | whose count is the same in each line.

    Where none is, the most frequent of the first line. Quoted cells do not count.
    """
    lines = [_unquoted(line) for line in islice(io.StringIO(text), 50) if line.strip()]
    counts = {mark: [line.count(mark) for line in lines] for mark in SEPARATORS}
    even = {mark: found[0] for mark, found in counts.items() if found[0] and len(set(found)) == 1}
    best = even or {mark: found[0] for mark, found in counts.items() if found[0]}
    return max(best, key=lambda mark: best[mark], default=NONE)


def _unquoted(line: str) -> str:
    return "".join(line.split('"')[::2])


def _decoded(content: bytes, path: Path, encoding: str | None) -> str:
    try:
        text = content.decode(encoding or "utf-8-sig")
    except LookupError:
        example = "data.encoding=latin-1"
        raise DataError(f"data.encoding={encoding}: there is no such encoding; Python's names hold: {example}") from None
    except UnicodeError as error:
        mark = MARKS.get(content[:2])
        fix = f"data.encoding={mark}" if mark else "data.encoding=latin-1, cp1252 or utf-16"
        raise DataError(f"data.path={path} is not {encoding or 'utf-8'} ({error}): {fix}") from None
    if "\0" in text:
        raise DataError(f"data.path={path} holds null characters, so it is not {encoding or 'utf-8'}: data.encoding=utf-16")
    return text.removeprefix("\ufeff")


def _cut_short(raw: pl.DataFrame, text: str, separator: str, path: Path) -> DataError | None:
    """Return the error of a line with fewer cells than the first one, which polars fills with nulls."""
    filled = raw.filter(pl.all_horizontal(pl.all().is_null())).height
    expected = (raw.height - filled) * (raw.width - 1)
    if '"' not in text and text.count(separator) >= expected:
        return None
    return _uneven(text, separator, path) if raw[:, -1].null_count() > filled else None


def _uneven(text: str, separator: str, path: Path) -> DataError | None:
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    first: Sequence[str] = next((row for row in reader if row), [])
    for row in reader:
        if row and len(row) != len(first):
            what = f"line {reader.line_num} of the table has {len(row)} cells, the first line {len(first)}"
            return DataError(f"data.path={path}: {what} (separated by {written(separator)}): correct it, or data.separator=...")
    return None
