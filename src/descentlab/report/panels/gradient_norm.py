"""Norm of the gradient."""

from __future__ import annotations

from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure

ORDER = 60
NOTE = "Euclidean norm over all parameters, before clipping: it falls where training converges and jumps where it is unstable."


def draw(data: PanelData) -> CurveFigure | None:
    return curve_figure(data, "train/grad_norm", "Gradient norm", note=NOTE)
