"""What is drawn, of whom, up to where."""

from __future__ import annotations

import json
import math
from pathlib import Path

from descentlab.report.load import load
from descentlab.report.panels.figures import panels
from descentlab.report.panels.view import Panel, View, styles
from descentlab.store.record import Status


def drawn(sweep: Path) -> dict[str, Panel]:
    loaded = load([sweep])
    return {panel.title: panel for panel in panels(View(loaded.comparisons[0], styles(loaded)))}


def diverging(steps: int) -> list[dict[str, float]]:
    losses = [2.0 * math.exp(step) for step in range(steps)] + [math.inf]
    return [{"step": i, "examples": i, "train_seconds": i / 10, "train/loss": loss} for i, loss in enumerate(losses)]


def test_panels(make_run, tmp_path):
    make_run()
    make_run("sgd")
    found = drawn(tmp_path / "sweep")
    assert list(found) == ["Training loss", "Validation loss", "Validation accuracy", "Learning rate", "Gradient norm"]
    assert found["Validation accuracy"].levels == [(0.95, "target 0.95")]
    assert {panel.scale for panel in found.values()} == {"loss", "linear", "log"}
    assert len({trace["line"]["color"] for trace in found["Training loss"].traces}) == 2


def test_a_loss_that_is_not_positive_is_drawn_on_a_linear_axis(make_run, tmp_path):
    make_run(curves=[{"step": i, "examples": i, "train_seconds": i, "train/loss": 1.0 - i} for i in range(3)])
    assert drawn(tmp_path / "sweep")["Training loss"].scale == "linear"


def test_seeds_become_a_mean_with_a_band(make_run, tmp_path):
    for seed in range(3):
        make_run(seed=seed)
    band, mean = drawn(tmp_path / "sweep")["Training loss"].traces
    assert band["fill"] == "toself"
    assert mean["name"] == "adam (3 seeds), mean of 3"
    assert len(band["y"]) == 2 * len(mean["y"]) == 2 * 21
    assert min(band["y"]) > 0  # a logarithmic axis can show it


def test_a_diverged_run_enters_no_mean_and_ends_in_a_mark(make_run, tmp_path):
    make_run(seed=0)
    make_run(seed=1, status=Status.DIVERGED, summary={"diverged_step": 9}, curves=diverging(9))
    line, mark, completed = drawn(tmp_path / "sweep")["Training loss"].traces
    assert completed["name"] == "adam (2 seeds)"
    assert max(completed["y"]) == 2.0
    assert mark["marker"]["symbol"] == "x"
    assert mark["name"].endswith("seed 1: diverged at step 9")
    assert mark["y"] == line["y"][-1:]
    assert max(line["y"]) < 10  # cut where it leaves the frame


def test_diverged_runs_alone_are_drawn_as_far_as_they_are_finite(make_run, tmp_path):
    make_run(status=Status.DIVERGED, summary={"diverged_step": 9}, curves=diverging(9))
    line = drawn(tmp_path / "sweep")["Training loss"].traces[0]
    assert len(line["y"]) == 9
    assert all(map(math.isfinite, line["y"]))


def test_sensitivity_needs_two_rates_of_an_optimizer(make_run, tmp_path):
    title = "Best validation accuracy by learning rate"
    make_run(lr=0.1, summary={"best_valid": 0.9})
    make_run("sgd", lr=0.2)
    assert title not in drawn(tmp_path / "sweep")
    make_run(lr=0.01, summary={"best_valid": 0.7})
    make_run(lr=0.01, config={"batch_size": 8}, summary={"best_valid": 0.8})
    make_run(lr=10.0, status=Status.DIVERGED, summary={"diverged_step": 3})
    traces = drawn(tmp_path / "sweep")[title].traces
    assert ([0.01, 0.1], [0.8, 0.9]) in [(trace["x"], trace["y"]) for trace in traces]
    assert [(trace["x"], trace["marker"]["symbol"]) for trace in traces if "marker" in trace] == [([10.0], "x")]


def test_ways_are_drawn_on_the_surface_and_only_where_there_is_one(make_run, tmp_path):
    axes = ("step", "examples", "epoch", "gradient_evaluations", "train_seconds")
    place = [{"train/loss": 1.0, "train/x": 0.5 * step, "train/y": 1.0} for step in range(3)]
    rows = [dict.fromkeys(axes, float(step)) | place[step] for step in range(3)]
    run = make_run(curves=rows)
    assert "Ways on the surface (stars: minima)" not in drawn(tmp_path / "sweep")
    (run.folder / "exhibits").mkdir()
    surface = {"axis": [-1, 0, 1], "height": [[0.0] * 3] * 3, "minima": [[0, 1]]}
    (run.folder / "exhibits" / "surface.json").write_text(json.dumps(surface))
    panel = drawn(tmp_path / "sweep")["Ways on the surface (stars: minima)"]
    assert panel.plane == (-1, 1)
    assert [trace["x"] for trace in panel.traces] == [[-1, 0, 1], [0.0, 0.5, 1.0], [0]]
