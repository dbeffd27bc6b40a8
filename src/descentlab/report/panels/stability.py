"""Learning rate times sharpness, relative to the value above which the optimizer is unstable on a quadratic."""

from __future__ import annotations

from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure

ORDER = 73
COLUMN = "train/stability_ratio"
OF_RUN = True
NOTE = (
    "The threshold of the optimizer itself, with its momentum and its preconditioner. A ratio that stays near 1 is the edge of "
    "stability (Cohen et al. 2021, 2022); far below 1 the learning rate could be higher."
)


def draw(data: PanelData) -> CurveFigure | None:
    return curve_figure(data, COLUMN, "Stability ratio", "log", levels=[(1.0, "unstable above")], note=NOTE)
