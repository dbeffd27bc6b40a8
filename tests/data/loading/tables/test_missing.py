"""Values that represent a missing one."""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from descentlab.data.loading.tables.missing import DEFAULT

from .conftest import ROWS, detail

DAYS = [datetime(1900, 1, 1) if place % 6 == 0 else datetime(2024, 1, 1) + timedelta(place) for place in range(ROWS)]


def parquet(values):
    file = io.BytesIO()
    pl.DataFrame({"d": values, "x": range(ROWS), "y": np.arange(ROWS) * 0.5}).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize("kind", [pl.Date, pl.Datetime("us"), pl.Datetime("ms", "UTC"), pl.Datetime("ns")])
@pytest.mark.parametrize("missing", ["1900-01-01", ["NA", "1900-01-01 00:00"]])
def test_dates_of_parquet_are_missing_by_their_text(table, kind, missing):
    days = pl.Series(DAYS, dtype=pl.Datetime("us"))
    days = (days.dt.replace_time_zone("UTC") if getattr(kind, "time_zone", None) else days).cast(kind)
    data = table(parquet(days), name="x.parquet", missing=missing)
    assert "10 missing values" in detail(data, "d")[1]
    assert not data.warnings


def test_times_of_parquet_are_missing_by_their_text(table):
    times = pl.Series([0 if place % 6 == 0 else place * 10**12 for place in range(ROWS)]).cast(pl.Time)
    data = table(parquet(times), name="x.parquet", missing="00:00")
    assert "10 missing values" in detail(data, "d")[1]
    assert not data.warnings


def test_sentinel_that_occurs_nowhere_gives_a_warning(table, number):
    columns = {"x": ["-999", *number[1:]], "c": ["none", "a", "b"] * (ROWS // 3)}
    data = table(columns, missing=["NA", "-999.0", "none", "unkown", -1e6])
    assert data.splits
    assert data.warnings == [
        "data.missing lists unkown, but it occurs in no column that is read: 'data.missing=[unkown]' has no effect.",
        "data.missing lists -1000000.0, but it occurs in no column that is read: 'data.missing=[-1000000.0]' has no effect.",
    ]
    default = table(columns, missing=[*DEFAULT, float("nan"), None])
    assert default.splits
    assert not default.warnings


def test_defaults_are_those_of_the_config():
    config = yaml.safe_load((Path(__file__).parents[4] / "conf" / "data" / "csv.yaml").read_text())
    assert tuple(config["missing"]) == DEFAULT
