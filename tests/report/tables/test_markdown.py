"""The results table in Markdown."""

from __future__ import annotations

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables.markdown import markdown_tables


def test_vertical_bars_in_cells_are_escaped(make_run, tmp_path):
    make_run(config={"note": "a|b"})
    make_run(config={"note": "c"})
    assert r"note=a\|b" in markdown_tables(compare(load([tmp_path / "sweep"])))


def test_a_baseline_is_a_row(make_run, tmp_path):
    make_run(summary={"baseline": {"name": "a_tree", "test": {"accuracy": 0.71}}})
    assert "| a_tree |  | baseline |  | – | 0.71 |" in markdown_tables(compare(load([tmp_path / "sweep"])))
