"""Validation loss; left out if it is the metric that ranks, which has its own panel."""

from __future__ import annotations

from descentlab.report.criterion import is_test_function
from descentlab.report.drawing.curves import MEAN, curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure
from descentlab.report.drawing.levels import baseline_levels

ORDER = 30


def draw(data: PanelData) -> CurveFigure | None:
    if data.comparison.monitor == "loss":
        return None
    title = "Loss" if is_test_function(data.comparison) else "Validation loss"
    levels = baseline_levels(data.comparison, "valid", "loss")
    return curve_figure(data, "valid/loss", title, levels=levels, note=f"Lower is better. {MEAN}.")
