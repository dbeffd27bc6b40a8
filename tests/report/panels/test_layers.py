"""Heatmaps of layers over the steps."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from descentlab.report.drawing import data, layer_map
from descentlab.report.run_page import render_run
from descentlab.store.record import LAYERS, LAYERS_PARQUET, RowWriter, Status, read_layers

GRADIENTS, UPDATES, REST = (
    "Gradient norm of each layer",
    "Update-to-weight ratio of each layer",
    "Further measurements of layers",
)


def write_layers(run, rows):
    writer = RowWriter(run.folder, name=LAYERS, sealed=LAYERS_PARQUET)
    writer.write(rows)
    writer.seal()


def rows_of(steps, layers=("first", "last"), **values):
    """Return a row for each step and layer; each value is a function of the step and of the number of the layer."""
    return [
        {"step": step, "layer": layer, **{name: value(step, at) for name, value in values.items()}}
        for step in steps
        for at, layer in enumerate(layers)
    ]


def test_the_colours_are_logarithms_by_layer_and_step(make_run, draw):
    write_layers(make_run(), rows_of((0, 10, 30), grad_norm=lambda step, at: 10.0 ** (at - step / 10)))
    (trace,) = draw()[GRADIENTS].traces
    assert trace["x"] == [0, 10, 30]
    assert trace["y"] == ["first", "last"]
    assert trace["z"] == [[0, -1, -3], [1, 0, -2]]
    axis = draw()[GRADIENTS].layout["coloraxis"]
    assert (axis["cmin"], axis["cmax"]) == (-3, 1)
    assert axis["colorbar"]["ticktext"] == [f"10<sup>{power}</sup>" for power in range(-3, 2)]


def test_zeros_and_values_that_are_not_finite_are_empty(make_run, draw):
    values = {0: 0.0, 10: math.inf, 20: math.nan, 30: 1.0}
    write_layers(make_run(), rows_of(values, ("only",), grad_norm=lambda step, _: values[step]))
    figure = draw()[GRADIENTS]
    assert figure.traces[0]["z"] == [[None, None, None, 0]]
    assert layer_map.EMPTY in figure.note


def test_many_steps_are_averaged_over_neighbours(make_run, draw, monkeypatch):
    monkeypatch.setattr(layer_map, "MAX_COLUMNS", 3)
    write_layers(make_run(), rows_of(range(6), ("only",), grad_norm=lambda step, _: 10.0**step))
    (trace,) = draw()[GRADIENTS].traces
    assert trace["x"] == [0.5, 2.5, 4.5]
    assert trace["z"] == [[0.5, 2.5, 4.5]]


def test_the_middle_of_the_update_ratios_is_a_thousandth(make_run, draw):
    write_layers(make_run(), rows_of((0, 10), update_ratio=lambda step, at: 1e-1 if at else 1e-4))
    axis = draw()[UPDATES].layout["coloraxis"]
    assert (axis["cmin"], axis["cmax"]) == pytest.approx((-5, -1))


def test_each_optimizer_has_a_plot_of_its_first_completed_seed(make_run, draw, monkeypatch):
    make_run("adam", seed=0, status=Status.DIVERGED, summary={"diverged_step": 5, "best_valid": None})
    write_layers(make_run("adam", seed=1), rows_of((0, 10), grad_norm=lambda step, at: 1.0))
    write_layers(make_run("sgd", seed=0), rows_of((0, 10), ("only",), grad_norm=lambda step, at: 10.0))
    figure = draw()[GRADIENTS]
    assert {trace["series"].split()[0] for trace in figure.traces} == {"adam", "sgd"}
    assert {note["text"] for note in figure.layout["annotations"]} == {"<b>adam</b>", "<b>sgd</b>"}
    assert {trace["yaxis"] for trace in figure.traces} == {"y", "y2"}
    assert layer_map.FIRST in figure.note
    monkeypatch.setattr(layer_map, "MAX_PLOTS", 1)
    assert len(draw()[GRADIENTS].traces) == 1


def test_files_of_layers_are_read_of_drawn_runs_only(make_run, draw, monkeypatch):
    for seed in range(3):
        for lr in (0.1, 0.2):
            write_layers(make_run(lr=lr, seed=seed), rows_of((0,), grad_norm=lambda step, at: 1.0))
    read: list[Path] = []
    monkeypatch.setattr(data, "read_layers", lambda folder: read.append(folder) or read_layers(folder))
    draw()
    assert len(read) == 1


def test_a_run_that_only_diverged_is_drawn(make_run, draw):
    run = make_run(status=Status.DIVERGED, summary={"diverged_step": 5, "best_valid": None})
    write_layers(run, rows_of((0,), grad_norm=lambda step, at: 1.0))
    assert GRADIENTS in draw()


def test_other_quantities_are_folded_with_their_names(make_run, draw):
    values = {"dead_units": lambda step, at: at / 2, "weight_norm": lambda step, at: 1.0, "my_number": lambda step, at: 2.0}
    write_layers(make_run(), rows_of((0, 10), **values))
    figures = {figure.title: figure for figure in draw()[REST].figures}
    assert list(figures) == ["Dead units", "Weight norm", "My number"]
    assert figures["Dead units"].traces[0]["z"] == [[0, 0], [0.5, 0.5]]
    assert (figures["Dead units"].layout["coloraxis"]["cmin"], figures["Dead units"].layout["coloraxis"]["cmax"]) == (0, 1)


def test_bins_are_sorted_by_their_numbers(make_run, draw):
    write_layers(
        make_run(), rows_of((0, 10), ("0", "-1e-01", "1e+02", "5e-03"), hessian_density=lambda step, at: 0.1 * (at + 1))
    )
    (trace,) = draw()["Spectrum of the Hessian"].traces
    assert trace["y"] == ["1e+02", "5e-03", "0", "-1e-01"]
    assert [row[0] for row in trace["z"]] == pytest.approx([math.log10(value) for value in (0.3, 0.4, 0.1, 0.2)], abs=1e-3)


def test_long_names_are_shortened_unless_they_would_be_equal():
    long = ["network.blocks.0.attention.projection", "network.blocks.1.attention.projection"]
    assert layer_map._short(long) == ["….0.attention.projection", "….1.attention.projection"]
    alike = ["network.0." + "x" * 30, "network.1." + "x" * 30]
    assert layer_map._short(alike) == alike


def test_the_page_of_a_run_has_the_heatmaps(make_run):
    run = make_run()
    write_layers(run, rows_of((0, 10), grad_norm=lambda step, at: 1.0, update_ratio=lambda step, at: 1e-3))
    text = render_run(run)
    assert f"<h3>{GRADIENTS}</h3>" in text
    assert f"<h3>{UPDATES}</h3>" in text


def test_runs_without_layers_have_no_panel(make_run, draw):
    make_run()
    assert not {GRADIENTS, UPDATES, REST} & set(draw())
