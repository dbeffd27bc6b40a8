"""The results table, cell by cell."""

from __future__ import annotations

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables.results import results_table


def test_each_series_has_a_row(mixed_sweep):
    table = results_table(compare(load([mixed_sweep]))[0])
    best, shaky = (dict(zip(table.headings, row, strict=True)) for row in table.rows)
    assert (best["optimizer"], best["best valid accuracy"], best["test accuracy"]) == ("sgd", "0.8", "0.8")
    assert shaky["hyperparameters"] == "lr=0.1"
    assert (shaky["n"], shaky["status"]) == ("2", "2 completed, 1 diverged at step 12")
    assert shaky["best valid accuracy"] == "0.92 [0.27, 1.00]"
    assert shaky["steps to target"] == "1 of 2 reached"
    assert "seconds to target" not in table.headings  # no run has this number


def test_each_baseline_has_a_row(make_run, tmp_path):
    make_run(summary={"baseline": {"name": "a_tree", "test": {"accuracy": 0.71}}})
    table = results_table(compare(load([tmp_path / "sweep"]))[0])
    (row,) = table.baseline_rows
    assert dict(zip(table.headings, row, strict=True))["test accuracy"] == "0.71"


def test_runs_that_a_stop_rule_ended_have_a_note(make_run, tmp_path):
    for seed, steps in enumerate((120, 80)):
        make_run(seed=seed, reason="no improvement in 2 validations", summary={"steps": steps})
    make_run(seed=2, summary={"steps": 400})
    notes = results_table(compare(load([tmp_path / "sweep"]))[0]).notes
    (note,) = [note for note in notes if "stopped" in note]
    assert note.endswith(
        ": 2 of 3 runs stopped before the end of the budget, at steps 80 to 120: no improvement in 2 validations"
    )
