"""Gradient norm of each layer over the steps."""

from __future__ import annotations

from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure
from descentlab.report.drawing.layer_map import layer_figure

ORDER = 61
COLUMN = "grad_norm"
OF_RUN = True
NOTE = (
    "Euclidean norm before clipping. The first layer is at the top: there, gradients that vanish on the way back are darkest."
)


def draw(data: PanelData) -> Figure | None:
    return layer_figure(data, COLUMN, "Gradient norm of each layer", NOTE)
