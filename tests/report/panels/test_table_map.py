"""The map of a table of runs, on figures and on the page, from a table without training."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import descentlab
from descentlab.report.drawing.table_data import load_table
from descentlab.report.panels.table_map import draw_table
from descentlab.report.table_page import write_table_page
from descentlab.store.table import Axis, RunTable


@pytest.fixture
def table(job, tmp_path):
    """Write a table whose loss is the product of its values, and whose runs with a product above 100 diverged."""

    def write(**axes):
        made = job("problem=digits_mlp", "optimizer=sgd", "sweep=map")
        sweep = tmp_path / "map"
        written = RunTable(sweep, [Axis(key, values, [{key: each} for each in values]) for key, values in axes.items()])
        written.save()
        (written.folder / "config.yaml").write_text((made.folder / "config.yaml").read_text())
        products = [float(np.prod(values)) for values in itertools.product(*axes.values())]
        status = ["diverged" if each > 100 else "completed" for each in products]
        results = {"status": status, "last_train_loss": products, "diverged_step": [None if p <= 100 else 3 for p in products]}
        for part, runs in enumerate(written.parts):
            written.write_part(part, {name: [values[run] for run in runs] for name, values in results.items()})
        written.merge()
        return sweep

    return write


RATES = [0.01, 0.1, 1.0, 10.0, 100.0]


def test_cells_show_the_loss_and_the_region_of_divergence(table):
    data = load_table(table(a=RATES, b=RATES))
    figure = draw_table(data)

    losses, diverged = figure.traces
    assert losses["x"] == losses["y"] == RATES
    assert losses["z"][0] == [-4, -3, -2, -1, 0]  # a = 0.01: log10 of the losses
    assert [sum(value is None for value in row) for row in losses["z"]] == [0, 0, 0, 1, 2]
    assert [sum(value == 1 for value in row) for row in diverged["z"]] == [0, 0, 0, 1, 2]
    assert figure.layout["xaxis"]["type"] == figure.layout["yaxis"]["type"] == "log"
    assert "3 of 25 runs diverged" in figure.summary
    assert "3 diverged; the lowest final training loss is 0.0001, at a=0.01, b=0.01." in data.statement


def test_runs_that_differ_in_a_seed_share_a_cell(table):
    figure = draw_table(load_table(table(seed=[1, 2], a=RATES, b=RATES)))

    assert figure.traces[0]["z"][0][0] == pytest.approx(-4 + np.log10(2) / 2, abs=1e-4)  # the geometric mean of 1e-4 and 2e-4
    assert "differ in seed" in figure.note


def test_one_swept_number_gives_no_map(table):
    assert draw_table(load_table(table(a=RATES))) is None


def test_page_and_frame_are_read_from_the_table(table, tmp_path):
    sweep = table(a=RATES, b=RATES)
    page = write_table_page(load_table(sweep), tmp_path / "out").read_text()
    runs = descentlab.load(sweep).runs

    assert "Final training loss by b and a" in page
    assert runs.columns[:7] == ["sweep", "problem", "optimizer", "run", "a", "b", "status"]
    assert runs.filter(a=10.0, b=100.0)["diverged_step"].to_list() == [3]


def test_table_with_many_runs_is_drawn_in_seconds(table):
    many = np.logspace(-2, 2, 200).tolist()
    figure = draw_table(load_table(table(a=many, b=many)))

    assert len(figure.traces[0]["z"]) == len(figure.traces[0]["z"][0]) == 200
