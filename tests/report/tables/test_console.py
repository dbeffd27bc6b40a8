"""The results table on the console."""

from __future__ import annotations

import io
import re

from rich.console import Console

from descentlab.report.compare import compare
from descentlab.report.load import load
from descentlab.report.tables.console import show_answers
from descentlab.report.tables.console_table import console_table


def test_the_table_fits_a_narrow_terminal(mixed_sweep):
    console = Console(width=80)
    table, notes = console_table(compare(load([mixed_sweep])), 60)
    with console.capture() as shown:
        console.print(table)
    assert "…" not in shown.get()
    assert max(map(len, shown.get().splitlines())) <= 60
    assert notes[-1].startswith("left out: best valid accuracy")
    assert re.search(r"\[0\.\d\d, 0\.\d\d\]", shown.get())


def test_each_comparison_is_a_block_that_names_its_metric(make_run, tmp_path):
    for metric in ("accuracy", "rmse"):
        summary = {"monitor": metric, "test": {metric: 0.5}}
        make_run(problem=f"by_{metric}", config={"task": {"monitor": metric}}, summary=summary)
    table, _ = console_table(compare(load([tmp_path / "sweep"])))
    columns = {str(column.header): [str(cell) for cell in column.cells] for column in table.columns}
    assert columns["best\nvalid"] == ["accuracy", "0.9", "rmse", "0.9"]
    assert columns["test"] == ["accuracy", "0.5", "rmse", "0.5"]


def test_a_baseline_is_a_row(make_run, tmp_path):
    make_run(summary={"baseline": {"name": "a_tree", "test": {"accuracy": 0.71}}})
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(console_table(compare(load([tmp_path / "sweep"])))[0])
    assert re.search(r"a_tree +baseline +– +0\.71", console.export_text())


def test_differences_are_left_out_if_no_pair_has_one(make_run, tmp_path):
    for optimizer in ("adam", "sgd", "lion"):
        make_run(optimizer)
    console = Console(width=120, record=True, file=io.StringIO())
    show_answers(compare(load([tmp_path / "sweep"])), console)
    assert "Difference in" not in console.export_text()
