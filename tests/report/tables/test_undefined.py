"""Undefined values and failed baselines are named in every table, with the reason."""

from __future__ import annotations

import csv
import io

import pytest
from rich.console import Console

from descentlab.report import page
from descentlab.report.compare import compare, compare_one
from descentlab.report.load import load
from descentlab.report.statistics.ranking import ranked
from descentlab.report.tables.console_table import console_table
from descentlab.report.tables.results import results_table

NO_NEGATIVE = "the validation split has no negative example"
UNDEFINED = {
    "best_valid": None,
    "test": {"accuracy": None, "loss": 0.4},
    "undefined": {"best_valid": NO_NEGATIVE, "test/accuracy": "the test split has no negative example"},
}


def printed(folder, width=100):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(console_table(compare(load([folder]))))
    return " ".join(console.export_text().split())


@pytest.fixture
def sweep(make_run, tmp_path):
    make_run("adam", summary=UNDEFINED)
    make_run("sgd", summary={"best_valid": 0.8})
    return tmp_path / "sweep"


def test_an_undefined_value_has_a_note_and_ranks_after_defined_ones(sweep):
    comparison = load([sweep]).comparisons[0]
    assert [one.optimizer for one in ranked(comparison)] == ["sgd", "adam"]
    table = results_table(compare_one(comparison))
    _, row = (dict(zip(table.headings, cells, strict=True)) for cells in table.rows)
    assert (row["best valid accuracy"], row["test accuracy"]) == ("undefined", "undefined")
    assert table.notes == [
        f"best valid accuracy undefined for adam: {NO_NEGATIVE}",
        "test accuracy undefined for adam: the test split has no negative example",
    ]


def test_all_tables_give_the_reason(sweep):
    assert f"best valid accuracy undefined for adam: {NO_NEGATIVE}" in printed(sweep)
    built = page.build([sweep], sweep).read_text()
    assert f'<td class="number" title="{NO_NEGATIVE}">undefined</td>' in built
    assert f"<li>best valid accuracy undefined for adam: {NO_NEGATIVE}</li>" in built
    assert f"- best valid accuracy undefined for adam: {NO_NEGATIVE}" in (sweep / "table.md").read_text()
    _, row = csv.DictReader((sweep / "table.csv").open())
    assert row["best_valid"] == ""
    assert f"best_valid: {NO_NEGATIVE}" in row["undefined"]
    assert {row["undefined.best_valid"] for row in csv.DictReader((sweep / "runs.csv").open())} == {"", NO_NEGATIVE}


def test_the_number_of_seeds_with_a_defined_value_is_shown(make_run, tmp_path):
    make_run(seed=0, summary=UNDEFINED)
    make_run(seed=1)
    table = results_table(compare(load([tmp_path / "sweep"]))[0])
    assert dict(zip(table.headings, table.rows[0], strict=True))["best valid accuracy"] == "1 of 2 seeds"
    assert "k of n seeds: the other runs lack the number, and a mean without them would be biased" in table.notes
    assert table.notes[-2] == f"best valid accuracy undefined: {NO_NEGATIVE}"


def test_a_column_of_undefined_values_is_shown(make_run, tmp_path):
    make_run(summary={**UNDEFINED, "gap": None, "undefined": {**UNDEFINED["undefined"], "gap": "the baseline's is 0"}})
    table = results_table(compare(load([tmp_path / "sweep"]))[0])
    cells = dict(zip(table.headings, table.rows[0], strict=True))
    assert (cells["best valid accuracy"], cells["gap to optimum"]) == ("undefined", "undefined")
    page.build([tmp_path / "sweep"], tmp_path / "sweep")  # panels without a value


def test_old_records_without_reasons_show_values_as_not_measured(make_run, tmp_path):
    make_run(summary={"best_valid": None, "test": {}})
    make_run("sgd")
    table = results_table(compare(load([tmp_path / "sweep"]))[0])
    assert dict(zip(table.headings, table.rows[1], strict=True))["best valid accuracy"] == "–"
    assert table.notes == ["–: not measured"]


def test_failed_and_undefined_baselines_are_named_with_their_reason(make_run, tmp_path):
    make_run("adam", summary={"baseline": {"name": "a_forest", "error": "MemoryError: 8 GiB " + "x" * 80}})
    reasons = {"baseline/test/accuracy": "the test split has no example"}
    make_run("sgd", summary={"baseline": {"name": "a_tree", "test": {"accuracy": None}}, "undefined": reasons})
    make_run("lion", summary={"baseline": {"name": "a_tree", "error": "ValueError: not here"}})
    table = results_table(compare(load([tmp_path / "sweep"]))[0])
    forest, tree = (dict(zip(table.headings, cells, strict=True)) for cells in table.baseline_rows)
    assert forest["status"].startswith("failed: MemoryError: 8 GiB xxx")
    assert len(forest["status"]) < 70
    assert (tree["status"], tree["test accuracy"]) == ("baseline", "undefined")
    assert "a_forest failed: MemoryError: 8 GiB " + "x" * 80 in table.notes
    assert "test accuracy undefined for a_tree: the test split has no example" in table.notes
    assert "failed: MemoryError" in printed(tmp_path / "sweep")
    assert "failed: MemoryError" in page.build([tmp_path / "sweep"], tmp_path / "out").read_text()
