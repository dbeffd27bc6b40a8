"""Warnings about columns that may be misread."""

from __future__ import annotations

import pytest

from .conftest import ROWS, detail

COMMA = [f"{place},5" for place in range(ROWS)]


def cycle(*cells):
    return [cells[place % len(cells)] for place in range(ROWS)]


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (("01/28/2024", "02/14/2024"), "dates"),
        (("2024/01/28", "2024/02/14"), "dates"),
        (("2024-01", "2024-02", ""), "dates"),
        (("28 Jan 2024", "14 Feb 2024"), "dates"),
        (("1:05 PM", "11:30 AM"), "times"),
        (("1:05pm", "11:30:10 a.m."), "times"),
        (("25:30:00", "31:15:20"), "durations"),
        (("3/8", "1/4", "11/16"), "fractions"),
        (("25-", "30-"), "numbers with a trailing sign"),
        (("<5", "> 10", "<=20"), "bounds of numbers"),
    ],
)
def test_category_that_looks_like_numbers_gives_a_warning(table, number, cells, what):
    data = table({"x": number, "c": cycle(*cells)})
    assert detail(data, "c")[0] == "category"
    [message] = data.warnings
    assert f"c is read as a category, but its cells look like {what} (" in message
    assert "'data.categorical=[c]' confirms the category" in message
    confirmed = table({"x": number, "c": cycle(*cells)}, categorical="c")
    assert detail(confirmed, "c")[0] == "category"
    assert not confirmed.warnings


@pytest.mark.parametrize(
    "cells",
    [
        ("18-25", "26-40", "41+"),
        ("1st", "2nd"),
        ("-", "+"),
        ("yes", "no"),
        ("17:30", "8:15"),
        ("2024-01-31", "2024-02-28"),
        ("may be", "red"),
    ],
)
def test_other_columns_give_no_warning(table, number, cells):
    data = table({"x": number, "c": cycle(*cells)})
    assert data.splits
    assert not data.warnings


@pytest.mark.parametrize("distinct", [3, 28])
def test_german_dates_are_refused_as_dates(refusal, number, distinct):
    columns = {"x": number, "d": [f"{place % distinct + 1:02}.01.2024" for place in range(ROWS)]}
    message = refusal(columns)
    assert (
        "d: the cells look like dates (01.01.2024, 02.01.2024, 03.01.2024): in the format 2024-01-31 they are read" in message
    )
    assert "'data.categorical=[d]'" in message


def test_message_about_times_gives_their_format(refusal, number):
    message = refusal({"x": number, "t": [f"{place % 12 + 1}:{place:02} PM" for place in range(ROWS)]}, max_categories=20)
    assert "they look like times: in the format 17:30 they are read as hours" in message


def test_commas_before_three_digits_in_a_column_of_integers_are_refused(table, refusal):
    message = refusal({"x1": COMMA, "pop": cycle("1,801", "501", "23,400")}, sep=";")
    assert "pop: the comma of 1,801 alongside 501 may be a decimal comma, as in x1, or a thousands separator" in message
    assert "'data.decimal=\",\"' reads decimals" in message
    read = table({"x1": COMMA, "pop": cycle("1,801", "501", "23,400"), "y": COMMA}, sep=";", decimal=",")
    assert detail(read, "pop") == ("number", "decimal comma")
    assert "y: the comma of 1,801" in refusal({"x1": COMMA, "y": cycle("1,801", "501")}, sep=";")
    follows = table({"x1": COMMA, "x2": cycle("1,801", "501,5")}, sep=";")
    assert detail(follows, "x2") == ("number", "decimal comma")


def test_points_that_may_separate_thousands_give_a_warning(table):
    cells = cycle("28.798", "6.393", "950")
    for columns, name in (({"x": cells, "y": range(ROWS)}, "x"), ({"x": range(ROWS), "y": cells}, "y")):
        data = table(columns)
        assert data.splits
        assert data.warnings == [
            f"{name}: cells such as 28.798 alongside 950 are read as decimals; "
            "if the point separates thousands, 'data.decimal=\",\"' reads them."
        ]
    other = table({"x": cells})  # the target has decimal points
    assert other.splits
    assert other.warnings[0].endswith("if the point separates thousands, remove it from x.")
    assert detail(table({"x": cells, "y": range(ROWS)}, decimal=","), "x") == ("number", "thousands separators removed")
    for plain in (("28.798", "6.39", "950"), ("28.798", "6.393"), ("0.798", "950"), ("28.798", "9500"), ("28.798", "1e3")):
        quiet = table({"x": cycle(*plain)})
        assert quiet.splits
        assert not quiet.warnings
    given = table({"x": cells}, decimal=".")
    assert given.splits
    assert not given.warnings
