"""The first table of a problem on the page."""

from __future__ import annotations

from descentlab.report.answer import Answer
from descentlab.report.compare import compare
from descentlab.report.drawing.lead_table import MARK_WIDTH, lead_table
from descentlab.report.load import load
from descentlab.store.record import Status


def answer_of(sweep) -> Answer:
    (answer,) = compare(load([sweep]))
    return answer


def test_entries_come_first_and_other_settings_last(make_run, tmp_path):
    for optimizer, values in {"adam": (0.9, 0.7), "sgd": (0.8, 0.6)}.items():
        for lr, value in zip((0.1, 0.2), values, strict=True):
            make_run(optimizer, lr=lr, summary={"best_valid": value, "baseline": {"name": "a_tree", "test": {"accuracy": 0.7}}})
    table = lead_table(answer_of(tmp_path / "sweep"))
    assert [row.kind for row in table.rows] == ["entry", "entry", "baseline", "other", "other"]
    assert [row.cells[0] for row in table.rows[:3]] == ["adam", "sgd", "a_tree"]
    assert table.others == 2
    assert {len(row.cells) for row in table.rows} == {len(row.tooltips) for row in table.rows} == {len(table.headings)}


def test_the_compared_number_n_settings_and_difference_follow_the_name(make_run, tmp_path):
    for optimizer, value in {"adam": 0.9, "sgd": 0.8}.items():
        for seed in range(3):
            measured = value + 0.01 * seed + 0.001 * (seed % 2) * (optimizer == "sgd")
            make_run(optimizer, seed=seed, summary={"best_valid": 0.5, "test": {"accuracy": measured}})
    table = lead_table(answer_of(tmp_path / "sweep"))
    assert table.headings[:5] == ["optimizer", "test accuracy", "n", "settings", "difference from adam"]
    first, second = table.rows
    assert first.cells[1].startswith("0.910 [")
    assert first.cells[2:5] == ["3", "lr=0.1", "reference"]
    assert second.cells[4].startswith("-0.09")
    assert second.cells[4].endswith("; worse")


def test_intervals_are_drawn_on_a_common_axis(make_run, tmp_path):
    for optimizer, value in {"adam": 0.9, "sgd": 0.8}.items():
        for seed in range(3):
            make_run(optimizer, seed=seed, summary={"test": {"accuracy": value + 0.01 * seed}})
    marks = [row.mark for row in lead_table(answer_of(tmp_path / "sweep")).rows]
    assert all(mark is not None and 0 < mark.low < mark.mean < mark.high < MARK_WIDTH for mark in marks)
    assert marks[0].mean > marks[1].mean


def test_flags_are_next_to_the_entry_that_they_concern(make_run, tmp_path):
    make_run("adam")
    make_run("sgd", status=Status.DIVERGED, summary={"test": {}, "best_valid": None, "diverged_step": 3})
    answer = answer_of(tmp_path / "sweep")
    rows = {row.cells[0]: row for row in lead_table(answer).rows}
    assert "divergence" in {answer.flags[flag].kind for flag in rows["sgd"].flags}
    assert rows["sgd"].mark is None
