"""Fraction of the eigenvalues of the Hessian that are negative."""

from __future__ import annotations

from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure

ORDER = 78
COLUMN = "train/hessian_negative"
OF_RUN = True
NOTE = "0 at a minimum; a small gradient with a fraction above 0 is a saddle (Dauphin et al. 2014)."


def draw(data: PanelData) -> CurveFigure | None:
    return curve_figure(data, COLUMN, "Negative eigenvalues of the Hessian", "linear", note=NOTE)
