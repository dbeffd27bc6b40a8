"""Spectrum of the Hessian over the steps: the fraction of its eigenvalues in each bin."""

from __future__ import annotations

from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure
from descentlab.report.drawing.layer_map import Palette, layer_figure

ORDER = 77
COLUMN = "hessian_density"
OF_RUN = True
NOTE = "Fraction of the eigenvalues in bins of half a decade, the largest at the top; bins below 0 are of negative ones."


def draw(data: PanelData) -> Figure | None:
    return layer_figure(data, COLUMN, "Spectrum of the Hessian", NOTE, Palette(decades=6))
