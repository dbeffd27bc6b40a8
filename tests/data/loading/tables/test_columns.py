"""Reading, describing and refusing columns."""

from __future__ import annotations

import io
import math

import numpy as np
import polars as pl
import pytest
import torch

from .conftest import ROWS, detail


def same(splits, number):
    """Return True if the first input is `number` up to mean and unit."""
    every = torch.cat([splits.train[0], splits.valid[0], splits.test[0]])[:, 0].double().numpy()
    expected = np.sort(number)
    return np.corrcoef(np.sort(every), expected)[0, 1] == pytest.approx(1, abs=1e-9)


def test_typo_in_a_number_is_refused_with_its_cell_and_keys(table, refusal, number):
    cells = [*map(str, number)]
    cells[7] = "unknown"
    message = refusal({"x1": cells})
    assert "x1: 1 of 60 cells cannot be read as numbers like the others: unknown (row 8)" in message
    for fix in ("data.missing=[unknown]", "data.categorical=[x1]", "data.drop=[x1]"):
        assert fix in message
    gap = table({"x1": cells}, missing=["unknown"])
    assert gap.splits.train[0].shape[1] == 2
    held = [value for row, value in enumerate(number) if row in gap.rows[0] and row != 7]
    assert detail(gap, "x1") == ("number", f"median {np.median(held):.6g} for 1 missing value")
    assert table({"x1": cells}, categorical="x1").splits.train[0].shape[1] > 30
    assert table({"x1": cells, "x2": number}, drop="x1").splits.train[0].shape[1] == 1


def test_suggested_fix_keeps_the_sentinels_of_the_column(refusal, number):
    cells = ["NA", "unknown", *map(str, number[2:])]
    assert "'data.missing=[NA,unknown]'" in refusal({"x1": cells}, missing=["NA", "?"])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_column_with_many_numbers_and_some_texts_is_refused(refusal, number, share):
    texts = int(share * ROWS)
    assert "data.missing=[none]" in refusal({"x": ["none"] * texts + [*map(str, number[texts:])]})


@pytest.mark.parametrize(
    "cells",
    [
        [f"{place} kg" if place % 2 else f"{place}000 g" for place in range(ROWS)],
        [f"{place}.5" if place % 2 else f"{place}_5".replace("_", ",") for place in range(ROWS)],
        [*(f"2024-01-{place % 28 + 1:02}" for place in range(ROWS - 1)), "2024-02-31"],
        [*(f"{place % 24}:30" for place in range(ROWS - 1)), "noon"],
    ],
)
def test_inconsistent_units_styles_dates_and_times_are_refused(refusal, cells):
    quoted = [f'"{cell}"' if "," in cell else cell for cell in cells]
    message = refusal({"x": quoted})
    assert "like the others" in message
    assert "'data.drop=[x]'" in message


def test_thousands_and_decimal_commas_are_numbers(table, number):
    whole = (1000 * number).round()
    thousands = table({"x": [f'"{value:,.0f}"' for value in whole]})
    assert same(thousands.splits, whole)
    assert detail(thousands, "x") == ("number", "thousands separators removed")
    comma = table({"x": [str(value).replace(".", ",") for value in number]}, sep=";")
    assert same(comma.splits, number)
    assert detail(comma, "x") == ("number", "decimal comma")


def test_decimal_comma_in_one_column_applies_to_the_others(table):
    values = np.arange(ROWS) % 7 + 1
    cells = [f"{value},{257 if value % 2 else 500}" for value in values]
    alone = table({"x": cells}, sep=";")
    assert detail(alone, "x") == ("number", "thousands separators removed")
    other = table({"x": cells, "z": [f"{value},5" for value in values]}, sep=";")
    assert detail(other, "x") == ("number", "decimal comma")
    points = table({"x": [cell.replace(",", ".") for cell in cells], "z": [f"{value},5" for value in values]}, sep=";")
    assert detail(points, "x") == ("number", "thousands separators removed")
    target = table({"z": [f"{value},5" for value in values], "y": cells}, sep=";")
    assert detail(target, "y") == ("target", "decimal comma")
    assert target.splits.target_scale < 10


def test_ambiguous_comma_is_refused_unless_data_decimal_is_set(table, refusal):
    cells = [f"{place + 1},257" if place % 2 else f"{place + 1000}" for place in range(ROWS)]
    message = refusal({"x": cells}, sep=";")
    assert "the comma of 2,257 alongside 1000 may be a decimal comma or a thousands separator" in message
    assert "'data.decimal=\",\"' or data.decimal=." in message
    assert detail(table({"x": cells}, sep=";", decimal="."), "x") == ("number", "thousands separators removed")


def test_decimal_key_applies_to_all_columns(refusal, number):
    assert "not numbers under 'data.decimal=\",\"': data.decimal=null" in refusal({"x": number}, decimal=",")
    comma = [str(value).replace(".", ",") for value in number]
    assert "not numbers under data.decimal=.: data.decimal=null" in refusal({"x": comma}, sep=";", decimal=".")


@pytest.mark.parametrize(
    ("missing", "number_missing"), [("NA", 0), (["-999"], 6), ([-999], 6), (-999.0, 6), ("-999.0", 6), (["N", -999], 6)]
)
@pytest.mark.parametrize("form", ["{:.0f}", "{:.1f}"])
def test_sentinel_is_a_text_or_a_number(table, missing, number_missing, form):
    grade = ["N", "A", "B", "NA"] * (ROWS // 4)
    x = [form.format(-999.0 if place % 10 == 0 else place % 7) for place in range(ROWS)]
    data = table({"grade": grade, "x": x}, missing=missing)
    assert detail(data, "grade") == ("category", "4 categories")  # a missing one is a category
    assert ("missing" in detail(data, "x")[1]) == bool(number_missing)
    assert data.splits.train[0].shape[1] == 4 + 1 + bool(number_missing)


def test_missing_text_differs_from_the_category_named_missing(table):
    data = table({"c": ["missing", "", "a"] * (ROWS // 3)})
    assert detail(data, "c") == ("category", "3 categories")


def test_parquet_types_are_kept(table, number):
    frame = pl.DataFrame(
        {
            "flag": pl.Series([True, False, None] * (ROWS // 3)),
            "day": pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 2, 29), eager=True),
            "kind": pl.Series(["1", "2"] * (ROWS // 2), dtype=pl.Categorical),
            "price": pl.Series(number).cast(pl.Decimal(12, 4)),
            "empty": pl.Series([None] * ROWS),
            "text": pl.Series([str(value) for value in number]),
            "id": pl.Series([2**64 - 1 - place for place in range(ROWS)], dtype=pl.UInt64),
            "took": pl.Series(range(ROWS)).cast(pl.Duration("ms")),
            "at": pl.Series([place * 10**9 for place in range(ROWS)]).cast(pl.Time),
            "y": number,
        }
    )
    file = io.BytesIO()
    frame.write_parquet(file)
    data = table(file.getvalue(), name="x.parquet")
    read = {name: detail(data, name) for name in frame.columns}
    assert read["flag"][1].startswith("true is 1, false is 0; median")
    assert read["day"] == ("number", "date, in days")
    assert read["kind"] == ("category", "2 categories")
    assert read["price"] == read["text"] == read["id"] == ("number", "")
    assert read["empty"] == ("dropped", "no value in train")
    assert read["took"] == ("number", "duration, in days")
    assert read["at"] == ("number", "time of day, in hours")
    assert torch.isfinite(data.splits.train[0]).all()
    assert len(data.splits.train[0][:, 6].unique()) == len(data.rows[0])  # ids, beyond 2^53


@pytest.mark.parametrize("first", [2**53 + 1, 2**60, -(2**62), 2**63 - 100, 2**64 - 100])
def test_integers_beyond_float64_are_exact(table, first):
    integers = [first + place for place in range(ROWS)]
    splits = table({"x": integers}).splits
    assert same(splits, np.arange(ROWS))
    gaps = table({"x": [*integers[:-1], ""]})
    assert "1 missing value" in detail(gaps, "x")[1]


def test_too_many_categories_are_refused(table, refusal):
    names = [f"p{place}" for place in range(ROWS)]
    message = refusal({"id": names}, max_categories=50)
    assert "id has 60 distinct strings (p0, p1, p2, ...) in 60 rows, more than data.max_categories=50" in message
    assert "'data.drop=[id]'" in message
    assert "data.max_categories=60" in message
    assert table({"id": names}, max_categories=60).splits.train[0].shape[1] == 41
    assert "max_categories" in refusal({"id": names}, max_categories=50, categories="codes")
    assert "max_categories" in refusal({"id": range(ROWS)}, max_categories=50, categorical="id")
    dates = [f"{place % 12 + 1}/{place % 28 + 1}/2024" for place in range(ROWS)]
    assert "they look like dates: in the format 2024-01-31 they are read as days" in refusal({"d": dates}, max_categories=20)


def test_category_with_mostly_distinct_values_gives_a_warning(table, number):
    data = table({"id": [f"p{place}" for place in range(ROWS)], "x": number})
    assert detail(data, "id")[0] == "category"
    assert data.warnings == [
        "id has 60 distinct strings in 60 rows and is coded as a category: 'data.drop=[id]' leaves it out."
    ]
    few = table({"c": [f"p{place % 9}" for place in range(ROWS)], "x": number})
    assert few.splits
    assert not few.warnings


@pytest.mark.parametrize(
    ("cells", "read", "features"),
    [
        (["1st", "2nd", "3rd"], "category", 3),
        (["18-25", "26-40", "41+"], "category", 3),
        (["true", "false", "maybe"], "category", 3),
        (["yes", "no"], "category", 2),
        (["1 star", "2 star", "3 star"], "number", 1),
        (["true", "false", ""], "number", 2),
        (["17:30", "8:15"], "number", 1),
        (["-", "+"], "category", 2),
        (["\u00a0", "5", "7"], "number", 2),
    ],
)
def test_codes_are_categories_and_measurements_are_numbers(table, cells, read, features):
    data = table({"c": cells * (ROWS // len(cells))})
    assert detail(data, "c")[0] == read
    assert data.splits.train[0].shape[1] == features


def test_categories_of_equal_numbers_are_equal(table):
    data = table({"x": ["1", "1.0", "2", "01"] * (ROWS // 4)}, categorical="x")
    assert data.splits.train[0].shape[1] == 4  # 01 makes them codes, which keep their text
    data = table({"x": ["1", "1.0", "2", "2.00"] * (ROWS // 4)}, categorical=["x"])
    assert data.splits.train[0].shape[1] == 2


@pytest.mark.parametrize(("text", "value"), [("inf", math.inf), ("-inf", -math.inf), ("Infinity", math.inf)])
@pytest.mark.parametrize("row", [0, 7, 20, 59])
def test_infinite_value_is_refused_in_every_split(table, refusal, number, text, value, row):
    cells = [*map(str, number)]
    cells[row] = text
    message = refusal({"x1": cells})
    assert f"x1 is {value} in row {row + 1}: 'data.missing=[{value}]' treats it as missing, 'data.drop=[x1]'" in message
    assert table({"x1": cells}, missing=[value]).splits.train[0].shape[1] == 2
    assert f"y is {value} in row {row + 1}: correct or remove the row" in refusal({"x": number, "y": cells})


def test_nan_is_missing(table, number):
    assert "1 missing value" in detail(table({"x": ["nan", *number[1:]]}), "x")[1]


def test_outlier_beyond_float32_is_refused(table, refusal, number):
    data, cells = table({"x": number, "y": number}), number.copy()
    assert data.splits
    rows = data.rows
    cells[rows[2][0]] = 1e300
    assert f"x is so far from train's values in row {rows[2][0] + 1}" in refusal({"x": cells, "y": number})
    cells[rows[2][0]], cells[rows[0][0]] = 1.0, 1e300
    assert torch.isfinite(table({"x": cells, "y": number}).splits.train[0]).all()


def test_logarithm_needs_non_negative_numbers(table, refusal, number):
    message = refusal({"x1": number}, logarithm=["x1"])
    assert f"the minimum of x1 is {number.min():g} (row {number.argmin() + 1})" in message
    assert "data.missing=[" in message
    assert detail(table({"x1": np.abs(number)}, logarithm="x1"), "x1") == ("number", "log(1 + x)")
    assert "c is read as a category" in refusal({"c": ["a", "b"] * (ROWS // 2)}, logarithm="c")


@pytest.mark.parametrize("constant", [1700000123, 0.1, "true", "2024-01-31", "red", -(2**62)])
def test_constant_column_is_zero_and_gives_a_warning(table, number, constant):
    data = table({"x": number, "same": [constant] * ROWS})
    splits = data.splits
    assert all(not part[0][:, 1:].any() for part in (splits.train, splits.valid, splits.test))
    assert detail(data, "same")[1].endswith("constant in train: 0")
    assert data.warnings == ["Constant in train, and therefore 0 everywhere: same."]
    without = table({"x": number}).splits
    assert torch.equal(splits.train[0][:, :1], without.train[0])


def test_offsets_cost_no_precision(table, number):
    plain, far = table({"x": number, "y": number}), table({"x": 1e9 + 10 * number, "y": 1.7e9 + number})
    assert far.splits.target_scale == pytest.approx(plain.splits.target_scale, rel=1e-6)
    assert torch.allclose(far.splits.train[0], plain.splits.train[0], atol=1e-6)
    assert torch.allclose(far.splits.train[1], plain.splits.train[1], atol=1e-6)
    exact = number[plain.rows[0]]
    assert plain.splits.target_scale == pytest.approx(exact.std(), rel=1e-14)


def test_columns_without_a_value_are_left_out_with_a_warning(table, refusal, number):
    data = table({"x": number, "e": [""] * ROWS})
    assert detail(data, "e") == ("dropped", "no value in train")
    assert data.warnings == ["e has no value in train and is left out."]
    assert "no input column has a value in train (e)" in refusal({"e": [""] * ROWS})
