"""Every value of report.by, from the question to the statement, the tables and the page."""

from __future__ import annotations

import csv

import pytest
from conftest import ROOT

from descentlab.report.compare import compare
from descentlab.report.criterion import COSTS
from descentlab.report.load import load
from descentlab.report.statement import statement
from descentlab.report.tables import markdown_tables, write_series
from descentlab.report.tables.results import results_table
from descentlab.sweeps import summary
from descentlab.tracking.writer import Writer

HEADINGS = {  # value of report.by -> heading of its column, words of the statement
    "test": ("test accuracy", "test accuracy"),
    "valid": ("best valid accuracy", "validation accuracy"),
    "test/accuracy": ("test accuracy", "test accuracy"),
    "valid/accuracy": ("best valid accuracy", "validation accuracy"),
    "test/loss": ("test loss", "test loss"),
    "valid/loss": ("validation loss", "validation loss"),
    "test/mine:min": ("test mine", "test mine"),
    "train/loss": ("training loss", "training loss"),
    "steps_to_target": ("steps to target", "steps"),
    "seconds_to_target": ("seconds to target", "seconds"),
    "gradient_evaluations_to_target": ("gradient evaluations to target", "gradient evaluations"),
    "train_seconds": ("train seconds", "seconds of training"),
}


@pytest.fixture
def sweep(make_run, tmp_path):
    """Write three seeds of two optimizers, of which one seed of sgd does not reach the target."""
    for name, shift in (("adam", 0), ("sgd", 20)):
        for seed in range(3):
            parts = {
                "accuracy": 0.9 + seed / 100 - shift / 400,
                "loss": 0.3 + seed / 100 + shift / 100,
                "mine": 2.0 + seed + shift,
            }
            reached = not (shift and seed == 2)
            times = {key: 50.0 + shift + seed if reached else None for key in COSTS if key.endswith("_to_target")}
            costs = {"steps": 200, "gradient_evaluations": 200, "train_seconds": 200.0 + shift + seed}
            make_run(name, seed=seed, summary={"test": parts, "valid": parts, "best_valid": parts["accuracy"]} | times | costs)
    return tmp_path / "sweep"


@pytest.mark.parametrize("by", HEADINGS)
def test_every_compared_number_has_a_column(sweep, tmp_path, by):
    heading, words = HEADINGS[by]
    answers = compare(load([sweep]), by=by)
    assert f" {words}" in statement(answers[0])
    table = results_table(answers[0])
    cells = [row[table.headings.index(heading)] for row in table.rows]
    assert [row[0] for row in table.rows] == ["adam", "sgd"]
    assert all("[" in cell for cell in cells)
    assert ("2 of 3 reached" in cells[1]) is by.endswith("_to_target")
    assert f"| {heading} |" in markdown_tables(answers)
    write_series(answers, tmp_path / "table.csv")
    rows = list(csv.DictReader((tmp_path / "table.csv").open()))
    estimates = [entry.estimate for entry in answers[0].entries]
    assert {row["compared_by"] for row in rows} == {answers[0].by.key}
    assert [float(row["compared"]) for row in rows] == [found.mean for found in estimates]
    assert [float(row["compared_low"]) for row in rows] == [found.low for found in estimates]


@pytest.mark.slow
@pytest.mark.parametrize("by", HEADINGS)
def test_every_compared_number_is_on_the_console_and_on_the_page(sweep, capsys, by):
    heading, words = HEADINGS[by]
    summary.show(sweep, {"by": by}, Writer(pytest.fail))
    shown = capsys.readouterr()
    assert shown.err == ""
    assert max(map(len, shown.out.partition("report.html")[0].splitlines()[:-1])) <= 100
    assert words in " ".join(shown.out.split())
    assert all(word in shown.out for word in heading.split())
    page = (sweep / "report.html").read_text()
    assert f">{heading}</th>" in page
    assert f"Ranked by {compare(load([sweep]), by=by)[0].by.label} (" in page


def test_every_documented_value_is_tested():
    rows = [line for line in (ROOT / "docs" / "answers.md").read_text().splitlines() if line.startswith("| `")]
    named = {word.strip("` ") for line in rows for word in line.split("|")[1].split(",")}
    named -= {"report.by="}  # the heading
    tested = {by.partition(":")[0] for by in HEADINGS}
    assert {name.replace("NAME", "accuracy") for name in named} <= tested
    assert set(COSTS) <= tested
