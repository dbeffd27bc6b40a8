"""Horizontal lines of figures."""

from __future__ import annotations

from descentlab.report.drawing.levels import baseline_levels, target_levels
from descentlab.report.load import load


def test_each_distinct_target_is_a_level(make_run, tmp_path):
    make_run(seed=0)
    make_run("sgd", summary={"target": 0.9})
    make_run("lion", summary={"target": 0.9})
    assert target_levels(load([tmp_path / "sweep"]).comparisons[0]) == [(0.9, "target 0.9"), (0.95, "target 0.95")]


def test_each_baseline_with_a_value_is_one_level(make_run, tmp_path):
    for optimizer in ("adam", "sgd"):
        make_run(optimizer, summary={"baseline": {"name": "a_tree", "valid": {"loss": 0.5}}})
    make_run("lion", summary={"baseline": {"name": "a_forest", "error": "MemoryError"}})
    comparison = load([tmp_path / "sweep"]).comparisons[0]
    assert baseline_levels(comparison, "valid", "loss") == [(0.5, "a_tree 0.5")]
    assert baseline_levels(comparison, "train_loss") == []
