"""The table of series as a CSV file."""

from __future__ import annotations

import csv

import pytest

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables import write_series


def test_table_csv_has_a_row_per_series_with_unrounded_numbers(mixed_sweep, tmp_path):
    write_series(compare(load([mixed_sweep])), tmp_path / "table.csv")
    series = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [row["rank"] for row in series] == ["1", "2"]
    assert float(series[1]["best_valid"]) == pytest.approx(0.92)
    assert 0 < float(series[1]["best_valid_low"]) < 0.9
    assert 0.94 < float(series[1]["best_valid_high"]) < 1
    assert series[1]["best_valid_interval"] == "t on the logit scale"
    assert series[0]["best_valid_low"] == ""
    assert series[1]["steps_to_target"] == ""
