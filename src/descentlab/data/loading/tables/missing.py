"""Values that represent a missing one (data.missing) in columns of strings, numbers, dates and times."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import polars as pl

from descentlab.data.loading.tables.datetimes import native_datetimes, parse_dates, parse_times
from descentlab.data.loading.tables.number_text import parse_numbers
from descentlab.data.loading.tables.options import NAN, Options
from descentlab.data.loading.tables.overrides import override

DEFAULT = ("NA", "N/A", "NaN", "nan", "null", "?")  # the default of conf/data/csv.yaml


def stripped(raw: pl.Series, options: Options) -> pl.Series:
    """Return the strings of `raw` without surrounding blanks; blank cells and the strings that data.missing lists are null."""
    cells = raw.cast(pl.String).str.strip_chars()
    strings = ["", *(text for each in options.missing for text in strings_of(each))]
    return cells.set(cells.is_in(strings).fill_null(False), None)


def without_sentinels(values: pl.Series, options: Options) -> pl.Series:
    """Return `values` with null for NaN and for the numbers that data.missing lists."""
    values = values.fill_nan(None) if values.dtype.is_float() else values
    numbers = [number for each in options.missing if (number := number_of(each)) is not None]
    if values.dtype.is_integer():
        whole = [int(number) for number in numbers if number == number // 1]
        return values.set(values.cast(pl.Int128).is_in(pl.Series(whole, dtype=pl.Int128)).fill_null(False), None)
    return (
        values.set(values.cast(pl.Float64).is_in([float(number) for number in numbers]).fill_null(False), None)
        if numbers
        else values
    )


def without_datetimes(raw: pl.Series, values: pl.Series, options: Options) -> pl.Series:
    """Return `values` with null where `raw`, a column of dates or times, is a date or time that data.missing lists.

    Args:
        raw: a column of any type.
        values: the values read from `raw`, in days or hours.
        options: the table's options.
    """
    if raw.dtype not in (pl.Date, pl.Datetime, pl.Time):
        return values
    parse = parse_times if raw.dtype == pl.Time else parse_dates
    strings = [text for each in options.missing for text in strings_of(each)]
    missing = parse(pl.Series(strings, dtype=pl.String)).values.drop_nulls()
    return values.set(values.is_in(missing.to_list()).fill_null(False), None) if len(missing) else values


def unused_sentinels(table: pl.DataFrame, names: Iterable[str], options: Options) -> Iterator[str]:
    """Yield a warning for each value of data.missing that occurs in none of the columns, except the defaults."""
    left = [each for each in options.missing if each not in (*DEFAULT, *NAN)]
    for name in names if left else ():
        left = [each for each in left if not _occurs(table[name], each)]
    for each in left:
        fix = f"{override('missing', [each])} has no effect."
        yield f"data.missing lists {each}, but it occurs in no column that is read: {fix}"


def _occurs(raw: pl.Series, sentinel: str | float) -> bool:
    """Return True if a cell of `raw` equals `sentinel` as a string, number, date or time."""
    if raw.dtype.is_nested() or raw.dtype in (pl.Binary, pl.Object):
        return False
    number = number_of(sentinel)
    if raw.dtype.is_temporal():
        parse = parse_times if raw.dtype == pl.Time else parse_dates
        meant = number if number is not None else parse(pl.Series([sentinel], dtype=pl.String)).values[0]
        return meant is not None and bool((native_datetimes(raw)[0] == float(meant)).any())
    cells = raw.cast(pl.String).str.strip_chars()
    if cells.is_in(strings_of(sentinel)).any():
        return True
    return number is not None and bool((parse_numbers(cells).values == float(number)).any())


def strings_of(sentinel: str | float) -> list[str]:
    """Return the strings that equal `sentinel`: -999 and -999.0 for the number -999.0."""
    if isinstance(sentinel, str):
        return [sentinel]
    return [str(sentinel), *([str(int(sentinel))] if sentinel == sentinel // 1 else [])]


def number_of(sentinel: str | float) -> float | None:
    """Return the number that equals `sentinel`, or None; an int if it has the form of one, so that no digit is lost."""
    if not isinstance(sentinel, str):
        return sentinel
    if re.fullmatch(r"[-+]?[0-9]{1,38}", sentinel):
        return int(sentinel)
    try:
        number = float(sentinel.replace("_", "x"))
    except ValueError:
        return None
    return None if number != number else number  # noqa: PLR0124
