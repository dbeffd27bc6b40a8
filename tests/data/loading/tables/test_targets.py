"""Targets: numbers, binary labels, classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from .conftest import ROWS, detail


def every(splits):
    return torch.cat([splits.train[1], splits.valid[1], splits.test[1]])


@pytest.mark.parametrize("cells", [("true", "false"), ("True", "FALSE"), ("1", "0"), ("1.0", "0.0"), ("1", "0.0")])
@pytest.mark.parametrize("positive", [True, "true", "True", 1, "1", 1.0, "1.0"])
def test_true_and_1_are_equal_in_every_form(table, number, cells, positive):
    data = table({"x": number, "y": [cells[0], cells[1], cells[1]] * (ROWS // 3)}, kind="binary", positive=positive)
    assert every(data.splits).sum() == ROWS // 3
    assert data.splits.train[1].dtype == torch.float32
    assert detail(data, "y")[1] in ("true is 1", "1 is 1")


@pytest.mark.parametrize(
    ("cells", "positive", "message"),
    [
        (
            ["yes", "no"],
            None,
            "data.positive=null, but a binary target needs the one of its values that is 1: data.positive=no or",
        ),
        (["yes", "no"], "maybe", "data.positive=maybe is not a value of the target y: data.positive=no or data.positive=yes"),
        (["yes", "no"], False, "in YAML yes, no, on and off need quotes"),
        ([">50K", "<=50K"], 1, "'data.positive=\"<=50K\"' or 'data.positive=\">50K\"'"),
        (["yes", "yes"], "yes", "has 1 value, not two (yes)"),
        (["a", "b", "c"], "a", "has 3 values, not two (a, b, c): data.kind=classes task=classification"),
        (["1", "inf"], 1, "y is inf in 30 rows (2, 4, 6, ...)"),
    ],
)
def test_invalid_binary_target_is_refused(refusal, number, cells, positive, message):
    assert message in refusal({"x": number, "y": cells * (ROWS // len(cells))}, kind="binary", positive=positive)


def test_classes_with_units_are_in_the_order_of_their_numbers(table, number):
    data = table({"x": number, "y": ["10%", "9%"] * (ROWS // 2)}, kind="classes")
    assert detail(data, "y") == ("target", "2 classes: 9%, 10%")
    assert "10% is 1" in detail(table({"x": number, "y": ["10%", "9%"] * (ROWS // 2)}, kind="binary", positive="10%"), "y")
    assert detail(table({"x": number, "y": ["01", "2"] * (ROWS // 2)}, kind="classes"), "y") == ("target", "2 classes: 01, 2")


def test_numeric_target_is_not_a_class(refusal, number):
    message = refusal({"x": number, "y": number}, kind="classes")
    assert message.endswith("classes in 60 rows: it looks like a number: data.kind=regression task=regression")
    assert "choose another data.target" in refusal({"x": number, "y": [f"p{place}" for place in range(ROWS)]}, kind="classes")
    assert "y is a in every row" in refusal({"x": number, "y": ["a"] * ROWS}, kind="classes")


def test_classes_that_are_numbers_are_in_their_order(table, number):
    data = table({"x": number, "y": [place % 12 for place in range(ROWS)]}, kind="classes")
    codes = every(data.splits)
    assert torch.equal(codes, torch.tensor(np.concatenate(data.rows) % 12))
    assert detail(data, "y") == ("target", "12 classes: 0, 1, 2, 3, 4, ...")
    assert data.inferred(data.splits)["num_classes"] == 12


@pytest.mark.parametrize("kind", ["regression", "binary", "classes"])
def test_missing_target_is_refused_with_its_rows(refusal, number, kind):
    cells = {"regression": [*map(str, number)], "binary": ["1", "0"] * (ROWS // 2), "classes": ["a", "b"] * (ROWS // 2)}[kind]
    for gap in ("", "NA", "nan"):
        cells[4] = cells[9] = gap
        message = refusal({"x": number, "y": cells}, kind=kind, missing=["NA", "nan"])
        assert message == "data.target=y is missing in 2 rows (5, 10): remove these rows first"


def test_regression_target_is_read_like_a_column(table, refusal, number):
    data = table({"x": number, "y": [f"$ {value}" for value in number]})
    assert detail(data, "y") == ("target", "$ removed")
    assert data.splits.target_scale == pytest.approx(number[data.rows[0]].std(), rel=1e-12)
    message = refusal({"x": number, "y": ["unknown", *number[1:]]})
    assert "unknown (row 1); correct these cells or remove their rows" in message
    assert "data.drop" not in message


def test_message_suggests_classes_for_a_target_of_strings(refusal, number):
    assert "data.kind=binary data.positive=yes task=binary?" in refusal({"x": number, "y": ["no", "yes"] * (ROWS // 2)})
    assert "data.kind=binary data.positive=true task=binary?" in refusal({"x": number, "y": ["True", "False"] * (ROWS // 2)})
    assert "data.kind=classes task=classification?" in refusal({"x": number, "y": ["a", "b", "c"] * (ROWS // 3)})
    assert "data.kind=classes" in refusal({"x": number, "y": [f"p{place}" for place in range(ROWS)]}, max_categories=5)


@pytest.mark.parametrize("value", [5, 0.1, 1700000123])
def test_constant_target_is_refused(refusal, number, value):
    assert "in every row of train: there is nothing to learn from it" in refusal({"x": number, "y": [value] * ROWS})


LARGE = [2**53 + place for place in range(4)]


@pytest.mark.parametrize("form", ["{}", "{}.0", "+{}"])
def test_classes_beyond_float64_are_not_merged(table, number, form):
    data = table({"x": number, "y": [form.format(LARGE[place % 3]) for place in range(60)]}, kind="classes")
    assert data.inferred(data.splits)["num_classes"] == 3
    mixed = table({"x": number, "y": [[LARGE[0], LARGE[1], 7][place % 3] for place in range(60)]}, kind="classes")
    assert mixed.inferred(mixed.splits)["num_classes"] == 3


@pytest.mark.parametrize("positive", [LARGE[1], str(LARGE[1])])
def test_binary_target_beyond_float64_keeps_its_digits(table, refusal, number, positive):
    columns = {"x": number, "y": [LARGE[place % 2] for place in range(60)]}
    splits = table(columns, kind="binary", positive=positive).splits
    assert float(torch.cat([splits.train[1], splits.valid[1], splits.test[1]]).mean()) == 0.5
    assert "is not a value of the target" in refusal(columns, kind="binary", positive=LARGE[3])


def test_categories_groups_and_test_rows_beyond_float64_keep_their_digits(table, number):
    ids = [LARGE[place % 4] for place in range(60)]
    assert detail(table({"c": ids}, categorical="c"), "c") == ("category", "4 categories")
    groups = [LARGE[0] + place // 3 for place in range(60)]
    assert detail(table({"x": number, "g": groups}, group="g"), "g") == ("group", "20 groups")
    assert len(table({"x": number, "g": groups}, group="g").splits.train[0]) > 30
    assert len(table({"x": number, "g": ids}, test_rows={"g": LARGE[1]}).splits.test[0]) == 15


@pytest.mark.parametrize("missing", [LARGE[1], str(LARGE[1])])
def test_sentinel_beyond_float64_is_compared_exactly(table, missing):
    data = table({"x": [LARGE[place % 4] for place in range(60)]}, missing=missing)
    assert "15 missing values" in detail(data, "x")[1]


@pytest.mark.parametrize("positive", ["(1)", "1%", "$1", "01"])
def test_positive_is_compared_by_value(refusal, number, positive):
    columns = {"x": number, "y": [place % 2 for place in range(60)]}
    assert "is not a value of the target y: data.positive=0 or data.positive=1" in refusal(
        columns, kind="binary", positive=positive
    )


@pytest.mark.parametrize("value", [1e-7, "1e-07", "1E-7", "0.0000001"])
def test_test_rows_key_compares_numbers_as_numbers(table, number, value):
    cells = ["1e-7" if place % 3 == 0 else "2.5" for place in range(60)]
    assert len(table({"x": number, "s": cells}, test_rows={"s": value}).splits.test[0]) == 20
    whole = ["2" if place % 3 == 0 else "2.5" for place in range(60)]
    assert len(table({"x": number, "s": whole}, test_rows={"s": 2}).splits.test[0]) == 20
