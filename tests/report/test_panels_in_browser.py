"""Panels of settings in Chromium."""

from __future__ import annotations

import pytest

from descentlab.report.page import build

pytestmark = pytest.mark.slow


def test_heatmaps_and_folded_measurements_are_drawn(make_run, open_page, tmp_path):
    axes = {"examples": 0, "gradient_evaluations": 0, "train_seconds": 0.0, "epoch": 0.0}
    curves = [{"step": step, **axes, "train/loss": 1.0, "valid/f1": 0.5 + step / 100} for step in (0, 10, 20)]
    for lr, batch in ((0.01, 32), (0.1, 32), (0.01, 128), (0.1, 128)):
        make_run(lr=lr, config={"batch_size": batch}, summary={"best_valid": lr + 1 / batch}, curves=curves)
    page = open_page(build([tmp_path / "sweep"], tmp_path / "out"))
    heatmaps = page.locator("section.panel", has_text="by two settings").locator(".plot")
    heatmaps.scroll_into_view_if_needed()
    page.wait_for_function("() => document.querySelectorAll('.hm image').length === 1")
    assert "adam at learning rate 0.1 and batch size 32" in heatmaps.get_attribute("aria-label")
    folded = page.locator("details.fold", has_text="Further measurements")
    assert folded.locator(".js-plotly-plot").count() == 0
    folded.locator("summary").click()
    folded.locator(".js-plotly-plot").wait_for()
    assert folded.locator("h3").inner_text() == "Validation f1"
