"""Marks of alerts in the curves, heatmaps of layers, and copying of fixes, in Chromium."""

from __future__ import annotations

import math

import pytest

from descentlab.report.page import build
from descentlab.report.run_page import write_run_page
from descentlab.store.record import LAYERS, LAYERS_PARQUET, RowWriter

pytestmark = pytest.mark.slow
ALERT = {
    "rule": "vanishing",
    "step": 30,
    "message": "gradients vanish",
    "layer": "layers.0",
    "fixes": ["model.activation=relu"],
}
MARKS = """i => document.querySelectorAll('.plot')[i].data.filter(t => t.marker && t.marker.symbol === 'triangle-up')
    .flatMap(t => Array.from(t.x).map((x, k) => [x, t.y[k], t.text[k]]))"""
RANGE = "i => document.querySelectorAll('.plot')[i].layout.yaxis.range"


@pytest.fixture
def page(make_run, open_page, tmp_path):
    make_run("adam", summary={"alerts": [ALERT, ALERT | {"rule": "other", "layer": None}]})
    make_run("sgd")
    return open_page(build([tmp_path / "sweep"], tmp_path / "out"), height=2400)


def test_an_alert_is_a_mark_on_the_x_axis_of_every_curve(page):
    text = "▲ adam: vanishing in layers.0 since step 30; ▲ adam: other since step 30"
    for plot in (0, 1, 2):
        ((x, y, shown),) = page.evaluate(MARKS, plot)
        assert (x, shown) == (30, text)
        low, high = page.evaluate(RANGE, plot)
        height = math.log10(y) if plot else y  # losses are on a logarithmic axis
        assert low < height < low + 0.05 * (high - low)
    page.click("[data-choice=axis][data-value=examples]")
    page.wait_for_timeout(500)
    assert page.evaluate(MARKS, 0)[0][0] == pytest.approx(32 * 30)


def test_hiding_an_optimizer_hides_its_alerts(page):
    page.click(".keys button:has-text('adam')")
    page.wait_for_timeout(500)
    assert page.evaluate(MARKS, 0) == []


def test_a_click_copies_a_fix(page):
    page.locator("button.fix").first.click()
    page.wait_for_function("() => document.getElementById('status').textContent === 'model.activation=relu was copied.'")
    page.wait_for_timeout(1700)
    assert page.locator("button.fix").first.inner_text() == "model.activation=relu"


def test_heatmaps_of_layers_are_drawn_on_the_page_of_a_run(make_run, open_page):
    run = make_run()
    writer = RowWriter(run.folder, name=LAYERS, sealed=LAYERS_PARQUET)
    layers = [
        {"step": step, "layer": f"layers.{i}", "grad_norm": 10.0 ** -(i + step / 100)}
        for step in (0, 100, 200)
        for i in range(4)
    ]
    writer.write(layers)
    writer.seal()
    page = open_page(write_run_page(run))
    box = page.locator("section.panel", has_text="Gradient norm of each layer").locator(".plot")
    box.scroll_into_view_if_needed()
    box.locator(".hm image").first.wait_for(state="attached")
    names = box.locator(".yaxislayer-above text").all_text_contents()
    assert names == [f"layers.{i}" for i in range(4)] or names == [f"layers.{i}" for i in (3, 2, 1, 0)]
