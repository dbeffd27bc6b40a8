"""Checks of a table's keys: types and column names."""

from __future__ import annotations

import pytest

from descentlab.data.loading.tables.overrides import override


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("path", ["a.csv", "b.csv"], "data.path=[a.csv,b.csv]: give one string"),
        ("path", 3, "data.path=3: give one string"),
        ("target", None, "data.target=null: target is the name of one column"),
        ("target", ["a", "b"], "data.target=[a,b]: target is the name of one column"),
        ("target", "prise", "data.target=prise: unknown column"),
        ("max_categories", "few", "data.max_categories=few: give a whole number >= 1"),
        ("max_categories", 0, "data.max_categories=0: give a whole number >= 1"),
        ("max_categories", True, "data.max_categories=true: give a whole number >= 1"),
        ("skip", -1, "data.skip=-1: give a whole number >= 0"),
        ("header", "yes", "data.header=yes is not allowed: data.header=true or data.header=false"),
        ("decimal", ";", "is not allowed: data.decimal=null or data.decimal=. or 'data.decimal=\",\"'"),
        ("separator", "::", "data.separator=::: give one character"),
        ("encoding", 8, "data.encoding=8: give one string"),
        ("kind", "class", "data.kind=class is not allowed"),
        ("categories", None, "data.categories=null is not allowed"),
        ("drop", {"a": 1}, "data.drop={a: 1}: give a column's name, or a list of names"),
        ("logarithm", [["x"]], "data.logarithm=[[x]]: give a column's name"),
        ("categorical", "colour", "data.categorical=colour: unknown column; there are x, y"),
        ("missing", {"a": 1}, "data.missing={a: 1}: give strings or numbers"),
        ("missing", [True], "data.missing=[true]: give strings or numbers"),
        ("group", ["a", "b"], "data.group=[a,b]: group is the name of one column"),
        ("group", "who", "data.group=who: unknown column"),
        ("group", "y", "data.group=y is the target as well"),
        ("drop", "y", "data.drop=y is the target as well"),
        ("drop", "x", "the table has no column to predict y from: every other column is in data.drop"),
        ("positive", [1], "data.positive=[1]: give the one value of the target that is 1"),
        ("test_rows", "x", "data.test_rows=x: give one column and its value"),
        ("test_rows", {"x": 1, "y": 2}, "give one column and its value"),
    ],
)
def test_invalid_value_gives_one_sentence(refusal, number, key, value, message):
    text = refusal({"x": number}, **{key: value})
    assert message in text
    assert "\n" not in text


def test_table_without_inputs_is_refused(refusal, number):
    assert refusal({"y": number}) == "the table has no column to predict y from: it has no other column"


@pytest.mark.parametrize(
    ("name", "target"), [("2021", 2021), ("2021", 2021.0), ("1e5", 100000.0), ("True", True), ("null", "null")]
)
def test_number_names_the_column_of_that_name(table, number, name, target):
    data = table({name: number, "2019": number[::-1], "x": number**2, "y": number}, target=target, drop=[2019, "y"])
    assert data.splits.train[0].shape[1] == 1
    assert {column["name"]: column["read_as"] for column in data.columns} == {
        name: "target",
        "2019": "dropped",
        "x": "number",
        "y": "dropped",
    }


@pytest.mark.parametrize("name", ["_row", "row", "0", "1", "text", "code", "column_1", "_duplicated_0", "missing", "y,z"])
def test_no_column_name_is_reserved(table, number, name):
    plain = table({"x": number}).splits.digest()
    assert table({f'"{name}"' if "," in name else name: number}).splits.digest() == plain


def test_overrides_are_quoted_for_the_shell_if_necessary():
    assert override("positive", "yes") == "data.positive=yes"
    assert override("positive", ">50K") == "'data.positive=\">50K\"'"
    assert override("positive", "true") == "data.positive=true"
    assert override("drop", ["größe"]) == "'data.drop=[\"größe\"]'"
    assert override("missing", [float("-inf"), -999.0]) == "'data.missing=[-inf,-999.0]'"
