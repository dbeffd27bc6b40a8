"""Cells of times to the target: they show the number by which the entries are ranked."""

from __future__ import annotations

import pytest

from descentlab.report.compare import compare
from descentlab.report.drawing.data import PanelData
from descentlab.report.load import load
from descentlab.report.tables.results import results_table
from descentlab.store.record import Status


def write_runs(make_run, name, times, diverged=()):
    """Write a run for each time to the target; None: it was not reached within 100 steps."""
    for seed, time in enumerate(times):
        status = Status.DIVERGED if seed in diverged else Status.COMPLETED
        summary = {"target": 0.9, "steps_to_target": time, "steps": 100, "best_valid": 0.9, "valid": {"accuracy": 0.9}}
        make_run(name, seed=seed, status=status, summary=summary)


@pytest.mark.parametrize(
    ("times", "diverged", "cell"),
    [
        ([40, 50, 60], (2,), "50 ["),  # the run that diverged later has reached the target
        ([40, 50, None], (), "2 of 3 reached"),
        ([None, None, None], (), "not reached"),
    ],
)
def test_the_cell_is_the_number_of_the_ranking(make_run, tmp_path, times, diverged, cell):
    write_runs(make_run, "adam", times, diverged)
    (answer,) = compare(load([tmp_path / "sweep"]), by="steps_to_target")
    table = results_table(answer)
    assert cell in table.rows[0][table.headings.index("steps to target")]


def test_the_selected_series_come_first(make_run, tmp_path):
    for name in ("adam", "sgd"):
        for lr, value in ((0.1, 0.8), (0.2, 0.9)):
            make_run(name, lr=lr, summary={"best_valid": value, "valid": {"accuracy": value}})
    (answer,) = compare(load([tmp_path / "sweep"]))
    labels = [one.label for one in PanelData(answer, {}).all_series]
    assert labels[:2] == [entry.series.label for entry in answer.entries]
    assert len(set(labels)) == len(labels) == 4
