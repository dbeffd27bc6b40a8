"""Parsing of formatted numbers by a single rule."""

from __future__ import annotations

import math

import polars as pl
import pytest

from descentlab.data.loading.tables.number_text import parse_numbers


def parsed(*cells, decimal=None):
    return parse_numbers(pl.Series(cells, dtype=pl.String), decimal)


@pytest.mark.parametrize(
    ("cells", "values", "note"),
    [
        (["1", "-2.5", "1e3", "+4", ".5", "6."], [1, -2.5, 1000, 4, 0.5, 6], ""),
        (["1,257", "-1,321", "999"], [1257, -1321, 999], "thousands separators removed"),
        (["1,257,300.5", "12"], [1257300.5, 12], "thousands separators removed"),
        (["0,1257", "-1,2"], [0.1257, -1.2], "decimal comma"),
        (["0,125", "0,333"], [0.125, 0.333], "decimal comma"),
        (["1.257,5", "2,0"], [1257.5, 2], "decimal comma; thousands separators removed"),
        (["1.257.300", "2"], [1257300, 2], "thousands separators removed"),
        (["1 257", "3"], [1257, 3], "thousands separators removed"),
        (["1\u00a0257,5", "3\u202f000,0"], [1257.5, 3000], "decimal comma; thousands separators removed"),
        (["1'257", "1’300"], [1257, 1300], "thousands separators removed"),
        (["$1,257.50", "$-3", "-$4"], [1257.5, -3, -4], "thousands separators removed; $ removed"),
        (["3,50 €", "-2,00 €"], [3.5, -2], "decimal comma; € removed"),
        (["12%", "13.5 %"], [12, 13.5], "% removed"),
        (["5 km/h", "7km/h"], [5, 7], "km/h removed"),
        (["(3.5)", "2"], [-3.5, 2], "parentheses read as negative"),
        (["−3", "2"], [-3, 2], ""),
        (["'5'", "'6"], [5, 6], ""),
        (["１２", "٣"], [12, 3], ""),
        (["007", "12"], [7, 12], "leading zeros removed"),
        (["-1,5", "inf", "-Infinity"], [-1.5, math.inf, -math.inf], "decimal comma"),
    ],
)
def test_single_rule_is_found_and_noted(cells, values, note):
    found = parsed(*cells, None)
    assert found.whole
    assert found.values.to_list() == [*values, None]
    assert found.note == note
    assert not found.ambiguous


@pytest.mark.parametrize(
    "cells",
    [["12 kg", "1200 g", "5 kg"], ["1.5", "2,5", "3.5"], ["1", "unknown", "3"], ["$1", "€2", "$3"], ["1,25,7", "1", "2"]],
)
def test_inconsistent_cells_do_not_fit(cells):
    found = parsed(*cells)
    assert not found.whole
    assert [place for place, fits in enumerate(found.fits) if not fits] == [
        cells.index(cells[0] if cells[0] == "1,25,7" else cells[1])
    ]


def test_ambiguous_comma_is_marked_unless_the_decimal_mark_is_given():
    assert parsed("1,257", "1257").ambiguous
    assert parsed("1,257", "1257", decimal=".").values.to_list() == [1257, 1257]
    assert parsed("1,257", "1257", decimal=",").values.to_list() == [1.257, 1257]
    assert not parsed("1,257", "1257", decimal=",").ambiguous


def test_given_decimal_mark_is_the_only_one():
    assert parsed("1.257", "2,5", decimal=",").values.to_list() == [1257, 2.5]
    assert not parsed("1.5", "2", decimal=",").whole
    assert not parsed("1,5", "2", decimal=".").whole


def test_texts_that_are_not_numbers_do_not_fit():
    for cells in (["p0", "p1"], ["1-2", "3-4"], ["2024-01-31"], ["1/2"], ["0x1f"], ["1_000"], ["75+"], [None]):
        assert not parsed(*cells).whole
