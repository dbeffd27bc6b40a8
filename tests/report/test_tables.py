"""What the tables say, cell by cell."""

from __future__ import annotations

import csv
import io
import re

import pytest
from rich.console import Console

from descentlab.report import tables
from descentlab.report.load import load
from descentlab.report.statistics.estimate import Estimate
from descentlab.store.record import Status


@pytest.mark.parametrize(
    ("found", "write", "expected"),
    [
        (Estimate(0.97331, None, 1), tables.number, "0.9733"),
        (Estimate(0.0000123, None, 1), tables.number, "1.23e-05"),
        (Estimate(0.97331, 0.0041, 3), tables.number, "0.9733 ± 0.0041"),
        (Estimate(0.97331, 0.01, 3), tables.number, "0.973 ± 0.010"),
        (Estimate(1.2e-9, 3.4e-10, 3), tables.number, "1.2e-09 ± 3.4e-10"),
        (Estimate(0.5, 0.0, 3), tables.number, "0.5 ± 0"),
        (Estimate(1234.4, 56.2, 3), tables.count, "1,234 ± 56"),
        (Estimate(3.14, None, 1), tables.seconds, "3.1"),
        (Estimate(125.2, None, 1), tables.seconds, "125"),
    ],
)
def test_digits(found, write, expected):
    assert tables.text(found, write) == expected


@pytest.fixture
def sweep(make_run, tmp_path):
    for seed, (best, steps) in enumerate([(0.9, 100), (0.94, None)]):
        make_run(seed=seed, summary={"best_valid": best, "steps_to_target": steps, "test": {"accuracy": best - 0.1}})
    make_run(seed=2, status=Status.DIVERGED, summary={"best_valid": 0.1, "diverged_step": 12, "test": {}})
    make_run("sgd", lr=0.5, summary={"best_valid": 0.8})
    return tmp_path / "sweep"


def test_a_row_a_series(sweep):
    grid = tables.grid(load([sweep]).comparisons[0])
    best, shaky = (dict(zip(grid.headings, row, strict=True)) for row in grid.rows)
    assert (best["optimizer"], best["best valid accuracy"], best["test accuracy"]) == ("sgd", "0.8", "0.8")
    assert shaky["hyperparameters"] == "lr=0.1"
    assert (shaky["n"], shaky["status"]) == ("2", "2 completed, 1 diverged at step 12")
    assert shaky["best valid accuracy"] == "0.92 ± 0.25"
    assert shaky["steps to target"] == "1 of 2 seeds"
    assert "seconds to target" not in grid.headings  # nobody's is known


def test_a_reference_has_a_row_of_its_own(make_run, tmp_path):
    make_run(summary={"baseline": {"name": "a_tree", "test": {"accuracy": 0.71}}})
    compared = load([tmp_path / "sweep"]).comparisons
    (row,) = tables.grid(compared[0]).references
    assert dict(zip(tables.grid(compared[0]).headings, row, strict=True))["test accuracy"] == "0.71"
    assert "| a_tree |  | baseline |  | – | 0.71 |" in tables.markdown(compared)
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(tables.console([tmp_path / "sweep"]))
    assert re.search(r"a_tree +baseline +– +0\.71", console.export_text())


def test_csv_holds_plain_numbers(sweep, tmp_path):
    loaded = load([sweep])
    tables.write_series(loaded.comparisons, tmp_path / "table.csv")
    tables.write_runs(loaded, tmp_path / "runs.csv")
    series = list(csv.DictReader((tmp_path / "table.csv").open()))
    assert [row["rank"] for row in series] == ["1", "2"]
    assert float(series[1]["best_valid"]) == pytest.approx(0.92)
    assert float(series[1]["best_valid_ci95"]) == pytest.approx(12.7062 * 0.02, rel=1e-4)
    assert series[1]["steps_to_target"] == ""
    runs = list(csv.DictReader((tmp_path / "runs.csv").open()))
    assert [(row["status"], row["seed"], row["optimizer.lr"]) for row in runs if row["optimizer"] == "sgd"] == [
        ("completed", "0", "0.5")
    ]
    assert len(runs) == 4


def test_markdown_escapes_bars(make_run, tmp_path):
    make_run(config={"note": "a|b"})
    make_run(config={"note": "c"})
    assert r"note=a\|b" in tables.markdown(load([tmp_path / "sweep"]).comparisons)


def test_problems_are_blocks_of_the_console_with_their_metric(make_run, tmp_path):
    for metric in ("accuracy", "rmse"):
        summary = {"monitor": metric, "test": {metric: 0.5}}
        make_run(problem=f"by_{metric}", config={"task": {"monitor": metric}}, summary=summary)
    table = tables.console([tmp_path / "sweep"])
    columns = {str(column.header): [str(cell) for cell in column.cells] for column in table.columns}
    assert columns["best\nvalid"] == ["accuracy", "0.9", "rmse", "0.9"]
    assert columns["test"] == ["accuracy", "0.5", "rmse", "0.5"]


def test_the_console_shows_all_in_80_columns(sweep):
    console = Console(width=80)
    with console.capture() as shown:
        console.print(tables.console([sweep]))
    assert "…" not in shown.get()
    assert "± 0.25" in shown.get()
