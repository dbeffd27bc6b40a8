"""Ratio of the update to the weights of each layer over the steps."""

from __future__ import annotations

from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure
from descentlab.report.drawing.layer_map import Palette, layer_figure

ORDER = 71
COLUMN = "update_ratio"
OF_RUN = True
COLORS = ((0, "#2166ac"), (0.25, "#92c5de"), (0.5, "#f7f7f7"), (0.75, "#f4a582"), (1, "#b2182b"))  # ColorBrewer's RdBu
USUAL = 1e-3  # Karpathy, CS231n, "Ratio of weights:updates"
NOTE = (
    "Norm of the update divided by that of the weights. White is 10⁻³, which is usual; red layers change faster, blue slower."
)


def draw(data: PanelData) -> Figure | None:
    return layer_figure(data, COLUMN, "Update-to-weight ratio of each layer", NOTE, Palette(COLORS, middle=USUAL, decades=6))
