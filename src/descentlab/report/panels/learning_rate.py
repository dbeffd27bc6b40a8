"""Learning rate; on a logarithmic axis if the rates span at least a factor of 10, or are all equal."""

from __future__ import annotations

from dataclasses import replace

from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure

ORDER = 50


def draw(data: PanelData) -> CurveFigure | None:
    note = "The rate of each step, as the schedule sets it."
    figure = curve_figure(data, "train/lr", "Learning rate", "linear", limited=False, note=note)
    if figure is None:
        return None
    rates = [rate for curve in figure.curves for rate in curve.rows["y"]]
    if min(rates) <= 0 or min(rates) < max(rates) < 10 * min(rates):
        return figure
    return replace(figure, scale="log")
