"""The tables of differences and costs."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables.answers import bill_table, pairs_table
from descentlab.report.tables.console import show_answers, wrapped
from descentlab.report.tables.gains import gains_table
from descentlab.store.manifest import Manifest
from descentlab.store.record import Status


@pytest.fixture
def tuned(make_tuned):
    return compare(load([make_tuned({"muon": 0.95, "adam": 0.9, "sgd": 0.8})]))


def test_differences_are_from_the_best_entry_and_negative_for_worse_ones(tuned):
    table = pairs_table(tuned[0])
    assert table.title == "Difference in test accuracy from muon (positive: better)"
    rows = [dict(zip(table.headings, row, strict=True)) for row in table.rows]
    assert [(row["optimizer"], row["n"], row["wins"], row["conclusion"]) for row in rows] == [
        ("adam", "5", "0%", "worse"),
        ("sgd", "5", "0%", "worse"),
    ]
    assert rows[0]["difference"].startswith("-0.0499 [")
    assert any("cannot give p below 0.062" in note for note in table.notes)
    assert all(float(row["power"]) > 0.95 for row in rows)  # the noise of a seed is shared by all optimizers


def test_differences_from_a_named_reference(make_tuned):
    (answer,) = compare(load([make_tuned({"muon": 0.95, "adam": 0.9, "sgd": 0.8})]), reference="adam")
    table = pairs_table(answer, detailed=True)
    assert [(row[0], row[-1]) for row in table.rows] == [("muon", "better"), ("sgd", "worse")]
    assert table.headings[3:5] == ["p (permutation)", "p (ranks)"]
    assert [row[3:5] for row in table.rows] == [["0.062", "0.062"]] * 2


def test_an_entry_without_statistics_has_the_reason(make_run, tmp_path):
    for seed in range(2):
        make_run("adam", seed=seed, summary={"test": {"accuracy": 0.8 + seed / 100}})
    make_run("sgd", status=Status.DIVERGED, summary={"test": {}, "diverged_step": 3})
    (row,) = pairs_table(compare(load([tmp_path / "sweep"]))[0]).rows
    assert row == ["sgd", *["–"] * 7, "no run of sgd completed (diverged at step 3)"]


def test_the_gain_from_tuning_is_paired_over_the_report_seeds(tuned, make_run, tmp_path):
    table = gains_table(tuned[0])
    assert table.rows[0] == ["muon", "0.05 (equal in all 5)", "0.062", "5"]
    make_run()
    assert gains_table(compare(load([tmp_path / "sweep"]))[0]) is None


def test_one_entry_has_no_table_of_differences(make_run, tmp_path):
    make_run()
    assert pairs_table(compare(load([tmp_path / "sweep"]))[0]) is None


def test_the_cost_counts_every_run_once(tuned):
    table = bill_table(tuned)
    assert table.headings[:3] == ["optimizer", "trials", "runs"]
    assert table.rows[0] == ["muon", "4", "14", "1,400", "1,400", "14 s"]
    assert table.rows[-1] == ["total", "12", "42", "4,200", "4,200", "42 s"]


def test_runs_without_counts_are_noted(make_run, tmp_path):
    make_run(status=Status.FAILED)
    (note,) = bill_table(compare(load([tmp_path / "sweep"]))).notes
    assert note == "1 run without counts: included in runs, but not in the columns after it."


def test_superseded_runs_are_counted_and_noted(make_tuned):
    sweep = make_tuned({"adam": 0.9})
    manifest = Manifest.read(sweep)
    (arm,) = manifest.arms
    replace(manifest, arms=[replace(arm, default=[], superseded=arm.default)]).write(sweep)
    table = bill_table(compare(load([sweep])))
    assert table.rows[0][:3] == ["adam", "4", "14"]
    assert table.notes == ["5 runs of earlier commands, now superseded: included, but not in trials."]


def test_the_notes_name_the_tests_that_occur(make_run, tmp_path):
    for seed in range(3):
        make_run("adam", seed=seed, summary={"test": {"accuracy": 0.9 + seed**2 / 100}})
        make_run("sgd", seed=seed, summary={"test": {"accuracy": 0.8 + seed / 100}})
        make_run("lion", seed=seed + 10, summary={"test": {"accuracy": 0.7 + seed / 100}})
    (answer,) = compare(load([tmp_path / "sweep"]))
    (first, *_) = pairs_table(answer).notes
    assert first.startswith("p: paired t-test, Welch's t-test (seeds not shared); corrected by Holm's method for 3 comparisons")
    (answer,) = compare(load([tmp_path / "sweep"]), reference="lion")
    table = pairs_table(answer)
    assert table.notes[0] == "p: Welch's t-test (seeds not shared); corrected by Holm's method for 2 comparisons."
    assert not any("exact test of" in note for note in table.notes)
    assert [row[table.headings.index("n")] for row in table.rows] == ["3, 3", "3, 3"]


def test_a_logrank_test_has_its_numbers_of_runs_and_a_direction(make_run, tmp_path):
    for seed in range(5):
        make_run("adam", seed=seed, summary={"steps_to_target": 50 + seed, "steps": 200})
        make_run("sgd", seed=seed, summary={"steps_to_target": None, "steps": 200})
    (answer,) = compare(load([tmp_path / "sweep"]), by="steps_to_target")
    table = pairs_table(answer)
    assert table.rows == [["sgd", "logrank test", "0.0079", "5, 5", *["–"] * 4, "worse"]]
    assert table.notes == ["p: logrank test (a run missed the target)."]


def test_notes_of_several_problems_are_printed_once(make_run, tmp_path):
    for problem, step in (("one", 1), ("two", 0)):
        for name, shift in (("adam", 0.0), ("sgd", 0.1), ("lion", 0.3)):
            for seed in range(3):
                value = 0.6 - shift + step * shift * seed**2 / 50
                make_run(name, problem=problem, seed=seed, summary={"test": {"accuracy": value}})
    console = Console(width=120, file=io.StringIO(), record=True)
    show_answers(compare(load([tmp_path / "sweep"])), console)
    text = " ".join(console.export_text().split())
    assert text.count("An exact test of 3 pairs cannot give p below 0.25.") == 1
    assert "p: paired t-test; corrected by Holm's method for 3 comparisons (all pairs, since these runs also chose" in text
    assert "(one)." in text
    assert "p: exact test of equal differences;" in text
    assert "(two)." in text


@pytest.mark.parametrize("width", [80, 100, 120])
def test_everything_fits_the_terminal(tuned, width):
    console = Console(width=width, file=io.StringIO(), record=True)
    show_answers(tuned, console)
    text = console.export_text()
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "muon lr=0.01" in text
    assert ("correlation" in text) is (width >= 100)


def test_lines_are_not_broken_within_an_interval_or_an_equation():
    text = "muon reaches 0.981 [0.978, 0.984] test accuracy, with p = 0.01 and n = 5 pairs"
    lines = wrapped(text, 26).splitlines()
    assert any("0.981 [0.978, 0.984]" in line for line in lines)
    assert any("p = 0.01" in line for line in lines)
    assert any("n = 5" in line for line in lines)
    assert " ".join(line.strip() for line in lines) == text


def test_the_bill_has_the_time_of_diagnostics_if_it_was_measured(make_run, tmp_path):
    seconds = {"copies": 0.01, "layer_norms": 0.02}
    make_run("adam", summary={"train_seconds": 2.0, "diagnostics": {"seconds": seconds, "overhead": 0.015, "every": {}}})
    make_run(
        "adam", seed=1, summary={"train_seconds": 4.0, "diagnostics": {"seconds": seconds, "overhead": 0.0075, "every": {}}}
    )
    make_run("sgd", summary={"train_seconds": 1.0})
    make_run("lion", summary={"train_seconds": 1.0, "diagnostics": {"seconds": {"hessian": 2.5}}})
    table = bill_table(compare(load([tmp_path / "sweep"])))
    assert table.headings[-2:] == ["training", "diagnostics"]
    cells = {row[0]: row[-1] for row in table.rows}
    assert cells == {"adam": "0.06 s (1.0%)", "sgd": "–", "lion": "2.5 s (2.5 x)", "total": "2.6 s (32.0%)"}
    assert "diagnostics: measured time of the probes, in addition to training." in table.notes


def test_the_bill_names_probes_that_were_measured_once(make_run, tmp_path):
    every = {"row": 10, "light": None, "hessian": None, "alpha": 500}
    make_run(summary={"diagnostics": {"overhead": 0.5, "every": every, "seconds": {"hessian": 0.5}}})
    (note,) = [note for note in bill_table(compare(load([tmp_path / "sweep"]))).notes if "first step only" in note]
    assert ": hessian. diagnostics.every=100 " in note


def test_the_bill_without_diagnostics_has_no_such_column(make_run, tmp_path):
    make_run("adam")
    assert bill_table(compare(load([tmp_path / "sweep"]))).headings[-1] == "training"
