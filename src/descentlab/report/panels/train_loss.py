"""Training loss. That of a test function is among the further measurements: the panel of the loss shows the same."""

from __future__ import annotations

from descentlab.report.criterion import is_test_function
from descentlab.report.drawing.curves import MEAN, curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure
from descentlab.report.drawing.levels import baseline_levels

ORDER = 20


def draw(data: PanelData) -> CurveFigure | None:
    if is_test_function(data.comparison):
        return None
    levels = baseline_levels(data.comparison, "train_loss")
    return curve_figure(data, "train/loss", "Training loss", levels=levels, note=f"Lower is better. {MEAN}.")
