"""Norm of the update: the distance between the weights before and after a step."""

from __future__ import annotations

from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure

ORDER = 70
NOTE = "Length of the step that the optimizer takes, over all parameters."


def draw(data: PanelData) -> CurveFigure | None:
    return curve_figure(data, "train/update_norm", "Update norm", note=NOTE)
