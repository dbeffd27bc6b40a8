"""What is undefined, failed or not comparable is called so in every table, with its reason."""

from __future__ import annotations

import csv
import io
import re

import pytest
from rich.console import Console

from descentlab.report import page, tables
from descentlab.report.load import load
from descentlab.report.panels import figures
from descentlab.report.statistics.estimate import ranked

NO_NEGATIVE = "the validation split has no negative example"
UNDEFINED = {
    "best_valid": None,
    "test": {"accuracy": None, "loss": 0.4},
    "undefined": {"best_valid": NO_NEGATIVE, "test/accuracy": "the test split has no negative example"},
}


def printed(folder, width=100):
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(tables.console([folder]))
    return " ".join(console.export_text().split())


@pytest.fixture
def sweep(make_run, tmp_path):
    make_run("adam", summary=UNDEFINED)
    make_run("sgd", summary={"best_valid": 0.8})
    return tmp_path / "sweep"


def test_undefined_is_not_unmeasured_and_comes_after_what_is_defined(sweep):
    comparison = load([sweep]).comparisons[0]
    assert [one.optimizer for one in ranked(comparison)] == ["sgd", "adam"]
    grid = tables.grid(comparison)
    _, row = (dict(zip(grid.headings, cells, strict=True)) for cells in grid.rows)
    assert (row["best valid accuracy"], row["test accuracy"]) == ("undefined", "undefined")
    assert grid.notes == [
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


def test_some_seeds_of_a_series_may_be_defined(make_run, tmp_path):
    make_run(seed=0, summary=UNDEFINED)
    make_run(seed=1)
    grid = tables.grid(load([tmp_path / "sweep"]).comparisons[0])
    assert dict(zip(grid.headings, grid.rows[0], strict=True))["best valid accuracy"] == "1 of 2 seeds"
    assert grid.notes[0] == f"best valid accuracy undefined: {NO_NEGATIVE}"


def test_a_column_in_which_all_is_undefined_stays(make_run, tmp_path):
    make_run(summary={**UNDEFINED, "gap": None, "undefined": {**UNDEFINED["undefined"], "gap": "the baseline's is 0"}})
    grid = tables.grid(load([tmp_path / "sweep"]).comparisons[0])
    cells = dict(zip(grid.headings, grid.rows[0], strict=True))
    assert (cells["best valid accuracy"], cells["gap to optimum"]) == ("undefined", "undefined")
    page.build([tmp_path / "sweep"], tmp_path / "sweep")  # panels without a value


def test_records_from_before_there_were_reasons_show_what_was_not_measured(make_run, tmp_path):
    make_run(summary={"best_valid": None, "test": {}})
    make_run("sgd")
    grid = tables.grid(load([tmp_path / "sweep"]).comparisons[0])
    assert dict(zip(grid.headings, grid.rows[1], strict=True))["best valid accuracy"] == "–"
    assert grid.notes == []


def test_a_baseline_that_failed_and_one_that_is_undefined(make_run, tmp_path):
    make_run("adam", summary={"baseline": {"name": "a_forest", "error": "MemoryError: 8 GiB " + "x" * 80}})
    reasons = {"baseline/test/accuracy": "the test split has no example"}
    make_run("sgd", summary={"baseline": {"name": "a_tree", "test": {"accuracy": None}}, "undefined": reasons})
    make_run("lion", summary={"baseline": {"name": "a_tree", "error": "ValueError: not here"}})
    grid = tables.grid(load([tmp_path / "sweep"]).comparisons[0])
    forest, tree = (dict(zip(grid.headings, cells, strict=True)) for cells in grid.references)
    assert forest["status"].startswith("failed: MemoryError: 8 GiB xxx")
    assert len(forest["status"]) < 70
    assert (tree["status"], tree["test accuracy"]) == ("baseline", "undefined")
    assert "a_forest failed: MemoryError: 8 GiB " + "x" * 80 in grid.notes
    assert "test accuracy undefined for a_tree: the test split has no example" in grid.notes
    assert "failed: MemoryError" in printed(tmp_path / "sweep")
    assert "failed: MemoryError" in page.build([tmp_path / "sweep"], tmp_path / "out").read_text()


def broken(view):
    raise ZeroDivisionError("no room")


def test_a_panel_that_cannot_be_drawn_is_named_and_left_out(sweep, monkeypatch):
    monkeypatch.setattr(figures, "PANELS", (broken, *figures.PANELS))
    built = page.build([sweep], sweep).read_text()
    assert "The panel broken could not be drawn: ZeroDivisionError: no room." in built
    assert "Training loss" in built


def test_a_page_that_cannot_be_drawn_leaves_the_tables(sweep, monkeypatch, capsys):
    monkeypatch.setattr(page, "_provenance", broken)
    built = page.build([sweep], sweep)
    assert "The page could not be drawn: ZeroDivisionError: no room" in built.read_text()
    assert {"table.csv", "table.md", "runs.csv"} <= {path.name for path in sweep.iterdir()}
    assert "the page could not be drawn, the tables were written: ZeroDivisionError: no room" in capsys.readouterr().err


def test_a_folder_of_wandb_without_runs_is_not_offered(sweep):
    (sweep / "wandb").mkdir()
    assert not [line for line, _ in page.commands([sweep]) if line.startswith("wandb")]
    (sweep / "wandb" / "offline-run-1").mkdir()
    assert re.match("wandb leet", page.commands([sweep])[0][0])
