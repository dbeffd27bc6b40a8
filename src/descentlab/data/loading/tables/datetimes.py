"""Convert dates, times and truth values in strings to numbers."""

from __future__ import annotations

import polars as pl

from descentlab.data.loading.tables.number_text import Parsed

TRUTH = "true is 1, false is 0"  # note of a column of truth values
DATE = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ](.+))?$"
CLOCK = r"^([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}(?:[.,][0-9]+)?))?\s*(?:(Z)|([-+])([0-9]{2}):?([0-9]{2}))?$"
LOOKS_DATED = (
    r"^[0-9]{1,4}[/.-][0-9]{1,2}[/.-][0-9]{1,4}\b|\b(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\b.*[0-9]{4}"
)


def parse_dates(cells: pl.Series) -> Parsed:
    """Read ISO dates and datetimes as days since 1970-01-01, in UTC where a cell gives its offset."""
    parts = cells.str.extract_groups(DATE).struct.unnest()
    date, clock = parts["1"], parts["2"]
    days = date.str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Float64)
    hours = _hours(clock).zip_with(clock.is_not_null(), pl.Series([0.0]))
    return _parsed(cells, days + hours / 24, "date, in days", "dates")


def parse_times(cells: pl.Series) -> Parsed:
    """Read times of day such as 17:30 or 17:30:05.2 as hours."""
    return _parsed(cells, _hours(cells), "time of day, in hours", "times")


def parse_booleans(cells: pl.Series) -> Parsed:
    """Read true and false, in any case, as 1 and 0."""
    lower = cells.str.to_lowercase()
    values = (lower == "true").cast(pl.Float64).zip_with(lower.is_in(["true", "false"]), pl.Series([None], dtype=pl.Float64))
    return _parsed(cells, values, TRUTH, "truth values")


def native_datetimes(raw: pl.Series) -> tuple[pl.Series, str]:
    """Return dates and durations in days, times of day in hours (float64), and a note with the unit.

    Args:
        raw: a column of type Date, Datetime, Duration or Time. Datetimes with a time zone are converted to UTC.
    """
    if raw.dtype == pl.Time:
        return raw.to_physical().cast(pl.Float64) / 3600e9, "time of day, in hours"
    if raw.dtype == pl.Duration:
        return raw.cast(pl.Duration("us")).to_physical().cast(pl.Float64) / 86_400e6, "duration, in days"
    return raw.cast(pl.Datetime("us")).to_physical().cast(pl.Float64) / 86_400e6, "date, in days"


def _hours(clock: pl.Series) -> pl.Series:
    parts = clock.str.extract_groups(CLOCK).struct.unnest()
    hour, minute = parts["1"].cast(pl.Float64), parts["2"].cast(pl.Float64)
    second = parts["3"].str.replace(",", ".", literal=True).cast(pl.Float64).fill_null(0.0)
    offset = (parts["6"].cast(pl.Float64) + parts["7"].cast(pl.Float64) / 60).fill_null(0.0)
    offset = offset.zip_with(parts["5"] != "-", -offset) if (parts["5"] == "-").any() else offset
    valid = (hour <= 24) & (minute < 60) & (second < 61)
    return (hour + minute / 60 + second / 3600 - offset).zip_with(valid, pl.Series([None], dtype=pl.Float64))


def _parsed(cells: pl.Series, values: pl.Series, note: str, what: str) -> Parsed:
    fits = values.is_not_null().zip_with(cells.is_not_null(), pl.Series([None], dtype=pl.Boolean))
    return Parsed(values, fits, 0, note, what=what)
