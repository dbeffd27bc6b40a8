"""Keys without an effect are refused."""

from __future__ import annotations

import io

import numpy as np
import polars as pl
import pytest

from .conftest import ROWS


def parquet(**columns):
    file = io.BytesIO()
    pl.DataFrame({"x": np.arange(ROWS), "y": np.arange(ROWS) * 0.5, **columns}).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("key", "value"), [("separator", ";"), ("encoding", "latin-1"), ("header", False), ("skip", 1), ("decimal", ",")]
)
def test_keys_of_text_files_have_no_effect_on_parquet(table, refusal, key, value):
    message = refusal(parquet(), name="x.parquet", **{key: value})
    assert f"data.{key}=" in message
    assert "has no effect on the Parquet file" in message
    assert message.endswith("; leave it out")
    assert table(parquet(), name="x.parquet", header=True, skip=0).splits


def test_decimal_has_an_effect_on_texts_of_parquet(table):
    assert table(parquet(z=[f"{place},5" for place in range(ROWS)]), name="x.parquet", decimal=",").splits


@pytest.mark.parametrize("kind", ["regression", "classes"])
def test_positive_has_no_effect_on_other_kinds(refusal, number, kind):
    columns = {"x": number, "y": [place % 2 for place in range(ROWS)]}
    message = refusal(columns, kind=kind, positive=1)
    assert message == f"data.positive=1 has no effect on data.kind={kind}; leave it out, or set data.kind=binary"


def test_test_fraction_with_test_rows_is_refused(table, refusal, number):
    columns = {"x": number, "part": ["test" if place % 4 == 0 else "train" for place in range(ROWS)]}
    message = refusal(columns, test_rows={"part": "test"}, test_fraction=0.3)
    assert message == "data.test_fraction=0.3 has no effect on 'data.test_rows={part: test}'; leave it out"
    assert table(columns, test_rows={"part": "test"}, test_fraction=0.2).splits


def test_path_with_hub_is_refused(refusal, number):
    assert "has no effect on data.hub=owner/name" in refusal({"x": number}, hub="owner/name")
