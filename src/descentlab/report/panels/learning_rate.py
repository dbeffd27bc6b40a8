"""Learning rate, unless it is constant in every run; on a logarithmic axis if the rates span at least a factor of 10."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure

ORDER = 75
COLUMN = "train/lr"
EQUAL = 1e-6  # relative difference up to which rates are equal


def draw(data: PanelData) -> CurveFigure | None:
    """Draw the panel if the rate of a run changes."""
    if not any(_changes(frame) for frame in data.frames.values()):
        return None
    note = "The rate of each step, as the schedule sets it."
    figure = curve_figure(data, COLUMN, "Learning rate", "linear", limited=False, note=note)
    if figure is None:
        return None
    rates = [rate for curve in figure.curves for rate in curve.rows["y"]]
    return replace(figure, scale="log") if 0 < 10 * min(rates) <= max(rates) else figure


def _changes(rows: pl.DataFrame) -> bool:
    """Return True if the rows of a run contain different rates."""
    if COLUMN not in rows.columns:
        return False
    low, high = rows[COLUMN].min(), rows[COLUMN].max()
    return isinstance(low, float) and isinstance(high, float) and high - low > EQUAL * abs(high)
