"""Panels of probes and analyses, and the page of range tests, in Chromium: all plots are drawn without errors."""

from __future__ import annotations

import numpy as np
import pytest

from descentlab.report.lr_range_page import Panel, write_page
from descentlab.report.page import build
from descentlab.report.statistics.lr_range import over_seeds, range_test
from descentlab.store.record import ANALYSES, LAYERS, LAYERS_PARQUET, RowWriter, write_json

pytestmark = pytest.mark.slow
PROBED = {
    "loss": 1.0,
    "lr": 0.1,
    "hessian_max": 30.0,
    "stability_ratio": 0.9,
    "alpha": 0.1,
    "noise_scale": 20.0,
    "hessian_negative": 0.2,
}
TITLES = (
    *("Sharpness (largest eigenvalue of the Hessian)", "Stability ratio", "Over- and under-stepping (alpha)"),
    *("Gradient noise scale", "Negative eigenvalues of the Hessian", "Spectrum of the Hessian"),
    *("Loss between the ends of two runs", "Loss along a random direction", "Loss around the end of"),
)


def write_analyses(run):
    folder = run.folder / ANALYSES
    folder.mkdir()
    x = [-1.0, 0.0, 1.0]
    write_json(folder / "slice.json", {"x": x, "loss": [2.0, 1.0, 2.0]})
    path = [[0, -1.0, 0.5], [10, -0.5, 0.1], [20, 0.0, 0.0]]
    plane = {"x": x, "y": x, "loss": [[a * a + b * b + 0.1 for a in x] for b in x], "trajectory": path, "explained": [0.9, 0.1]}
    write_json(folder / "plane.json", plane)
    ends = {"name": "other", "fractions": [0.0, 0.5, 1.0], "metrics": {"loss": [1.0, 3.0, 1.0]}, "barriers": {"loss": 2.0}}
    write_json(folder / "interpolation-1.json", ends)


def write_spectrum(run):
    writer = RowWriter(run.folder, name=LAYERS, sealed=LAYERS_PARQUET)
    bins = ("-1e-01", "0", "1e+02")
    writer.write([{"step": step, "layer": name, "hessian_density": 0.3} for step in (0, 10, 20) for name in bins])
    writer.seal()


def test_panels_of_probes_and_analyses_are_drawn(make_run, open_page, tmp_path):
    axes = [
        {"step": step, "examples": 32 * step, "gradient_evaluations": step, "train_seconds": step / 10} for step in (0, 10, 20)
    ]
    curves = [row | {f"train/{name}": value for name, value in PROBED.items()} for row in axes]
    curves += [axes[-1] | {"valid/loss": 1.0, "valid/accuracy": 0.5}]
    run = make_run(curves=curves, config={"batch_size": 32})
    write_analyses(run)
    write_spectrum(run)
    page = open_page(build([tmp_path / "sweep"], tmp_path / "out"))
    for title in TITLES:
        plot = page.locator("section.panel", has=page.locator("h3", has_text=title)).locator(".plot")
        plot.scroll_into_view_if_needed()
        plot.locator(".main-svg").first.wait_for(state="attached")
        assert plot.evaluate("plot => plot.data.length") > 0, title


def test_the_page_of_range_tests_draws_a_line_for_each_seed(open_page, tmp_path):
    rates = np.logspace(-5, 1, 121)
    tests = [
        range_test(rates * 1.2**seed, np.interp(np.log10(rates), [-5, -4, -1, 1], [3.0, 3.0, 1.0, 9.0])) for seed in range(3)
    ]
    suggestion = over_seeds([test.suggestion("tenth") for test in tests])
    folder = tmp_path / "lr_range-digits"
    folder.mkdir()
    page = open_page(write_page([Panel("adam on digits", tests, "tenth", suggestion, None, None)], folder))
    assert page.evaluate("() => document.querySelector('.plot').data.map(t => t.opacity)") == [0.25] * 3 + [1] * 3
    assert page.locator(".shapelayer path").count() >= 2  # the suggestion and its interval
    assert "lr 0." in page.locator(".statement").inner_text()
