"""Conversion of dates, times and truth values to numbers."""

from __future__ import annotations

import polars as pl
import pytest

from descentlab.data.loading.tables.datetimes import parse_booleans, parse_dates, parse_times


def test_iso_dates_are_days():
    cells = pl.Series(["1970-01-02", "2024-01-31T12:00:00Z", "2024-01-31 12:00", "2024-01-31T12:00:00+02:00", None])
    assert parse_dates(cells).values.to_list() == pytest.approx([1, 19753.5, 19753.5, 19753.5 - 2 / 24, None])
    assert parse_dates(pl.Series(["2024-01-31T12:00-02:00"])).values.to_list() == pytest.approx([19753.5 + 2 / 24])
    assert parse_dates(cells).whole


def test_invalid_day_does_not_fit():
    assert parse_dates(pl.Series(["2024-02-29", "2023-02-29", "31/01/2024", "2024-01-31 25:99"])).fits.to_list() == [
        True,
        False,
        False,
        False,
    ]


def test_times_are_hours_and_truth_values_are_1_and_0():
    assert parse_times(pl.Series(["17:30", "7:05:03.6", None, "25:00"])).values.to_list() == pytest.approx(
        [17.5, 7 + 5 / 60 + 3.6 / 3600, None, None]
    )
    assert parse_booleans(pl.Series(["True", "false", None])).values.to_list() == [1, 0, None]
    assert not parse_booleans(pl.Series(["true", "maybe"])).whole
