"""Targets: numbers, two values, classes."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from .conftest import ROWS, detail


def every(splits):
    return torch.cat([splits.train[1], splits.valid[1], splits.test[1]])


@pytest.mark.parametrize("cells", [("true", "false"), ("True", "FALSE"), ("1", "0"), ("1.0", "0.0"), ("1", "0.0")])
@pytest.mark.parametrize("positive", [True, "true", "True", 1, "1", 1.0, "1.0"])
def test_true_is_1_in_whatever_form(table, number, cells, positive):
    data = table({"x": number, "y": [cells[0], cells[1], cells[1]] * (ROWS // 3)}, kind="binary", positive=positive)
    assert every(data.splits).sum() == ROWS // 3
    assert data.splits.train[1].dtype == torch.float32
    assert detail(data, "y")[1] in ("true is 1", "1 is 1")


@pytest.mark.parametrize(
    ("cells", "positive", "said"),
    [
        (
            ["yes", "no"],
            None,
            "data.positive=null, but a binary target needs the one of its values that is 1: data.positive=no or",
        ),
        (["yes", "no"], "maybe", "data.positive=maybe is no value of the target y: data.positive=no or data.positive=yes"),
        (["yes", "no"], False, "in YAML yes, no, on and off are put in quotes"),
        ([">50K", "<=50K"], 1, "'data.positive=\"<=50K\"' or 'data.positive=\">50K\"'"),
        (["yes", "yes"], "yes", "has 1 value, not two (yes)"),
        (["a", "b", "c"], "a", "has 3 values, not two (a, b, c): data.kind=classes task=classification"),
        (["1", "inf"], 1, "y is inf in 30 rows (2, 4, 6, ...)"),
    ],
)
def test_a_binary_target_that_is_none_is_refused(refusal, number, cells, positive, said):
    assert said in refusal({"x": number, "y": cells * (ROWS // len(cells))}, kind="binary", positive=positive)


def test_classes_with_units_are_in_the_order_of_their_numbers(table, number):
    data = table({"x": number, "y": ["10%", "9%"] * (ROWS // 2)}, kind="classes")
    assert detail(data, "y") == ("target", "2 classes: 9%, 10%")
    assert "10% is 1" in detail(table({"x": number, "y": ["10%", "9%"] * (ROWS // 2)}, kind="binary", positive="10%"), "y")
    assert detail(table({"x": number, "y": ["01", "2"] * (ROWS // 2)}, kind="classes"), "y") == ("target", "2 classes: 01, 2")


def test_a_number_is_no_class(refusal, number):
    said = refusal({"x": number, "y": number}, kind="classes")
    assert said.endswith("classes in 60 rows: it looks like a number: data.kind=regression task=regression")
    assert "choose another data.target" in refusal({"x": number, "y": [f"p{place}" for place in range(ROWS)]}, kind="classes")
    assert "y is a in every row" in refusal({"x": number, "y": ["a"] * ROWS}, kind="classes")


def test_classes_that_are_numbers_are_in_their_order(table, number):
    data = table({"x": number, "y": [place % 12 for place in range(ROWS)]}, kind="classes")
    codes = every(data.splits)
    assert torch.equal(codes, torch.tensor(np.concatenate(data.rows) % 12))
    assert detail(data, "y") == ("target", "12 classes: 0, 1, 2, 3, 4, ...")
    assert data.found(data.splits)["num_classes"] == 12


@pytest.mark.parametrize("kind", ["regression", "binary", "classes"])
def test_a_missing_target_is_refused_with_its_rows(refusal, number, kind):
    cells = {"regression": [*map(str, number)], "binary": ["1", "0"] * (ROWS // 2), "classes": ["a", "b"] * (ROWS // 2)}[kind]
    for gap in ("", "NA", "nan"):
        cells[4] = cells[9] = gap
        said = refusal({"x": number, "y": cells}, kind=kind, missing=["NA", "nan"])
        assert said == "data.target=y is missing in 2 rows (5, 10): take them out first"


def test_a_regression_target_is_read_like_a_column(table, refusal, number):
    data = table({"x": number, "y": [f"$ {value}" for value in number]})
    assert detail(data, "y") == ("target", "$ removed")
    assert data.splits.target_scale == pytest.approx(number[data.rows[0]].std(), rel=1e-12)
    said = refusal({"x": number, "y": ["unknown", *number[1:]]})
    assert "unknown (row 1); correct these cells or remove their rows" in said
    assert "data.drop" not in said


def test_what_is_no_number_is_offered_as_classes(refusal, number):
    assert "data.kind=binary data.positive=yes task=binary?" in refusal({"x": number, "y": ["no", "yes"] * (ROWS // 2)})
    assert "data.kind=binary data.positive=true task=binary?" in refusal({"x": number, "y": ["True", "False"] * (ROWS // 2)})
    assert "data.kind=classes task=classification?" in refusal({"x": number, "y": ["a", "b", "c"] * (ROWS // 3)})
    assert "data.kind=classes" in refusal({"x": number, "y": [f"p{place}" for place in range(ROWS)]}, max_categories=5)


@pytest.mark.parametrize("value", [5, 0.1, 1700000123])
def test_a_constant_target_is_refused(refusal, number, value):
    assert "in every row of train: there is nothing to learn from it" in refusal({"x": number, "y": [value] * ROWS})
