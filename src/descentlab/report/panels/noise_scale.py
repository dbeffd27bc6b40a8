"""Gradient noise scale over the steps: the batch size at which noise and gradient are equally large."""

from __future__ import annotations

from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure, Level

ORDER = 76
COLUMN = "train/noise_scale"
OF_RUN = True
NOTE = (
    "Trace of the gradient covariance divided by the squared norm of the gradient. A larger batch pays up to about this size "
    "(McCandlish et al. 2018)."
)


def draw(data: PanelData) -> CurveFigure | None:
    return curve_figure(data, COLUMN, "Gradient noise scale", "log", levels=_batch_sizes(data), note=NOTE)


def _batch_sizes(data: PanelData) -> list[Level]:
    """Return the batch sizes of the runs, in examples."""
    sizes = {run.config.get("batch_size") for run in data.comparison.runs}
    return [(float(size), f"batch size {size}") for size in sorted(each for each in sizes if isinstance(each, int))]
