"""Flags of one kind about several entries share a line."""

from __future__ import annotations

import pytest

from descentlab.report.answer import Flag
from descentlab.report.compare import compare
from descentlab.report.flag_lines import flag_lines
from descentlab.report.load import load
from descentlab.report.tables import markdown_tables
from descentlab.store.record import Status


@pytest.fixture
def lines(tmp_path):
    """Return the messages of the lines of one kind that tmp_path/sweep raises."""

    def of_kind(kind):
        (answer,) = compare(load([tmp_path / "sweep"]))
        return [line.message for line in flag_lines(answer.flags) if line.flags[0].kind == kind]

    return of_kind


def write_grid(make_run, rates):
    """Write a run of each optimizer at each of its rates; the highest rate is the best."""
    for optimizer, tried in rates.items():
        for lr in tried:
            make_run(optimizer, lr=lr, summary={"best_valid": 0.5 + lr, "test": {"accuracy": 0.5 + lr}})


def test_equal_findings_are_one_sentence_about_several_entries(make_run, lines):
    write_grid(make_run, dict.fromkeys(("adam", "muon", "sgd"), (0.001, 0.01, 0.1)))
    assert lines("edge") == [
        "adam, muon and sgd: the selected lr=0.1 is at the highest end of the range (0.001 to 0.1), a better value may lie "
        "beyond it: extend the range to 1."
    ]


def test_different_findings_are_a_list_of_entries(make_run, lines):
    write_grid(make_run, {"adam": (0.001, 0.01), "sgd": (0.01, 0.1)})
    assert lines("edge") == [
        "sgd lr=0.1 (range 0.01 to 0.1: extend it to 1) and adam lr=0.01 (range 0.001 to 0.01: extend it to 0.1) are at the "
        "highest ends of their ranges, better values may lie beyond them."
    ]


def test_both_ends_of_ranges_have_a_line_each(make_run, lines):
    write_grid(make_run, {"adam": (0.001, 0.01)})
    for lr in (0.01, 0.1):
        make_run("sgd", lr=lr, summary={"best_valid": 0.5 - lr, "test": {"accuracy": 0.5 - lr}})
    assert [line.partition(" the selected ")[0] for line in lines("edge")] == ["adam:", "sgd:"]


def test_diverged_reported_runs_are_a_list(make_run, lines):
    for optimizer in ("adam", "sgd"):
        make_run(optimizer, seed=0)
        make_run(optimizer, seed=1, status=Status.DIVERGED, summary={"test": {}, "best_valid": None})
    make_run("muon", status=Status.DIVERGED, summary={"test": {}, "best_valid": None})
    assert lines("divergence") == [
        "Reported runs diverged: adam 1 of 2 (mean over 1 completed), sgd 1 of 2 (mean over 1 completed) and muon 1 of 1 "
        "(no result)."
    ]


def test_entries_at_chance_level_are_a_list(make_run, lines):
    for optimizer, value in (("adam", 0.11), ("sgd", 0.1)):
        make_run(
            optimizer, config={"task": {"monitor": "accuracy", "mode": "max", "num_classes": 10}}, summary={"best_valid": value}
        )
    assert lines("chance_level") == [
        "At chance level, where guessing gives a validation accuracy of 0.1: adam 0.11 and sgd 0.1."
    ]


def test_of_many_entries_the_first_ones_are_listed():
    flags = [Flag("edge", f"{name}: {name}.", name, ("At the end: ", "."), "lr=1") for name in "abcdefg"]
    (line,) = flag_lines(flags)
    assert line.message == "At the end: a lr=1, b lr=1, c lr=1, d lr=1 and 3 more."
    assert line.flags == flags


def test_flags_without_a_frame_and_of_other_kinds_have_their_own_lines():
    frame = ("", " are.")
    flags = [Flag("edge", "1", "a", frame), Flag("hardware", "2"), Flag("hardware", "3"), Flag("other", "4", "a", frame)]
    assert [line.message for line in flag_lines(flags)] == ["1", "2", "3", "4"]


def test_tables_show_the_lines_and_the_answer_keeps_a_flag_per_entry(make_run, tmp_path, lines):
    write_grid(make_run, dict.fromkeys(("adam", "sgd"), (0.001, 0.01)))
    answers = compare(load([tmp_path / "sweep"]))
    assert f"- {lines('edge')[0]}\n" in markdown_tables(answers)
    assert [flag.subject for flag in answers[0].flags if flag.kind == "edge"] == ["adam", "sgd"]
