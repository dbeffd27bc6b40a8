"""The first table of a problem on the page."""

from __future__ import annotations

import pytest

from descentlab.report.answer import Answer
from descentlab.report.compare import compare
from descentlab.report.drawing.lead_table import LeadTable, lead_table
from descentlab.report.drawing.marks import MARK_WIDTH
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
    assert {len(row.cells) for row in table.rows} == {len(row.tooltips) for row in table.rows} == {len(table.columns)}


def test_the_compared_number_n_settings_and_difference_follow_the_name(make_run, tmp_path):
    for optimizer, value in {"adam": 0.9, "sgd": 0.8}.items():
        for seed in range(3):
            measured = value + 0.01 * seed + 0.001 * (seed % 2) * (optimizer == "sgd")
            make_run(optimizer, seed=seed, summary={"best_valid": 0.5, "test": {"accuracy": measured}})
    table = lead_table(answer_of(tmp_path / "sweep"))
    assert [column.heading for column in table.columns][:5] == [
        "optimizer",
        "test accuracy",
        "n",
        "settings",
        "difference from adam",
    ]
    first, second = table.rows
    assert first.cells[1].startswith("0.910 [")
    assert first.cells[2:5] == ["3", "lr=0.1", "reference"]
    assert second.cells[4].startswith("-0.09")
    assert second.cells[4].endswith("; worse")
    assert (second.summary, second.conclusion) == ("lr=0.1, n\u00a0=\u00a03", "worse")


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
    table = lead_table(answer_of(tmp_path / "sweep"))
    rows = {row.cells[0]: row for row in table.rows}
    assert "divergence" in {flag.kind for _, flag in rows["sgd"].flags}
    assert rows["sgd"].mark is None


def test_flags_of_several_entries_share_a_line_and_each_row_has_its_own_mark(make_run, tmp_path):
    for optimizer, value in {"adam": 0.9, "sgd": 0.8}.items():
        for lr in (0.01, 0.1):
            make_run(optimizer, lr=lr, summary={"best_valid": value + lr})
    table = lead_table(answer_of(tmp_path / "sweep"))
    (line,) = (position for position, line in enumerate(table.flag_lines) if line.flags[0].kind == "edge")
    marks = {row.cells[0]: [(at, flag.subject) for at, flag in row.flags if flag.kind == "edge"] for row in table.rows[:2]}
    assert marks == {"adam": [(line, "adam")], "sgd": [(line, "sgd")]}


def test_other_settings_follow_their_optimizers_by_the_compared_number_with_diverged_ones_last(make_run, tmp_path):
    values = {"sgd": (0.7, 0.5, 0.6), "adam": (0.9, 0.3, 0.4)}
    for optimizer, tested in values.items():
        for lr, value, valid in zip((0.1, 0.2, 0.3), tested, (0.9, 0.8, 0.7), strict=True):
            make_run(optimizer, lr=lr, summary={"best_valid": valid, "test": {"accuracy": value}})
        make_run(optimizer, lr=0.4, status=Status.DIVERGED, summary={"test": {}, "best_valid": None, "diverged_step": 3})
    table = lead_table(answer_of(tmp_path / "sweep"))
    others = [row.label for row in table.rows if row.kind == "other"]
    assert others == [f"{name} lr={lr}" for name in ("adam", "sgd") for lr in (0.3, 0.2, 0.4)]
    assert "The other settings are listed by optimizer, the best test accuracy first, those with a diverged run last." in (
        table.description
    )
    assert [row.summary for row in table.rows][4] == "lr=0.4, n\u00a0=\u00a00, diverged at step 3"


def test_default_settings_of_a_tuned_sweep_follow_the_entries_and_are_not_folded(make_tuned):
    sweep = make_tuned({"adam": 0.9, "sgd": 0.8})
    answer = answer_of(sweep)
    table = lead_table(answer)
    assert [row.kind for row in table.rows] == ["entry", "entry", "default", "default"]
    assert [row.cells[0] for row in table.rows[2:]] == ["adam (default)", "sgd (default)"]
    assert table.others == 0
    assert "follow in grey" in table.description
    assert "other settings" not in table.description


@pytest.mark.parametrize("values", [{"adam": 0.9, "sgd": 0.8}, {"adam": 0.9, "sgd": 0.8, "muon": 0.7}])
def test_the_text_explains_intervals_that_hold_for_several_comparisons(make_tuned, values):
    description = lead_table(answer_of(make_tuned(values))).description
    assert ("hold for all comparisons together" in description) == (len(values) > 2)


def test_differences_are_left_out_without_anything_to_compare(make_run, tmp_path):
    for optimizer in ("adam", "sgd"):
        make_run(optimizer, status=Status.TIMEOUT, summary={"test": {}, "best_valid": None})
    table = lead_table(answer_of(tmp_path / "sweep"))
    assert "difference" not in [column.kind for column in table.columns]
    assert table.description == ""
    assert not table.has_marks


def test_the_table_of_a_test_function_has_one_value_without_splits(make_run, tmp_path):
    data = {"_target_": "descentlab.data.gaussian.Gaussian", "deviation": 0.0}
    for optimizer in ("adam", "sgd"):
        make_run(optimizer, config={"data": data})
    table = lead_table(answer_of(tmp_path / "sweep"))
    texts = [table.description, *(column.heading for column in table.columns)]
    assert not any(word in text for text in texts for word in ("test", "valid"))
    assert table.columns[1].heading == "accuracy"
    assert not table.has_splits


@pytest.mark.parametrize(
    ("cell", "parts"),
    [
        ("0.9 [0.8, 1.0]", ("0.9", "[0.8, 1.0]", "", "")),
        ("13 (equal in all 5)", ("13", "", "(equal in all 5)", "")),
        ("0.1 [0.0, 0.2]; not distinguishable (needs n ≈ 7)", ("0.1", "[0.0, 0.2]", "", "not distinguishable (needs n ≈ 7)")),
        ("611 [410, 911] (2 of 3 reached)", ("611", "[410, 911]", "(2 of 3 reached)", "")),
        ("not reached", ("not reached", "", "", "")),
    ],
)
def test_cells_of_numbers_have_parts(cell, parts):
    assert tuple(LeadTable.parts(cell).values()) == parts
