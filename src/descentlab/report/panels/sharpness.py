"""Largest eigenvalue of the Hessian over the steps, with 2 / learning rate, above which gradient descent is unstable."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from descentlab.report.drawing.curves import curve_figure, single_curve
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Curve, CurveFigure
from descentlab.report.series import Series
from descentlab.report.statistics.curves import mean_curve

ORDER = 72
COLUMNS = ("train/sharpness", "train/hessian_max")  # the same quantity, measured by different probes; the first one is drawn
OF_RUN = True
NAME = "2 / learning rate"
NOTE = (
    "Thin lines, where they are in the range: 2 / learning rate. Gradient descent on a quadratic diverges above it; full-batch "
    "training often settles near it (Cohen et al. 2021). Momentum and adaptive methods have other thresholds."
)


def draw(data: PanelData) -> CurveFigure | None:
    known = {name for frame in data.frames.values() for name in frame.columns}
    column = next((each for each in COLUMNS if each in known), "")
    figure = (
        None
        if not column
        else curve_figure(data, column, "Sharpness (largest eigenvalue of the Hessian)", limited=False, note=NOTE)
    )
    if figure is None:
        return None
    return replace(figure, curves=[*figure.curves, *(line for one in data.selected for line in _threshold(data, one, column))])


def _threshold(data: PanelData, series: Series, column: str) -> Sequence[Curve]:
    """Return the line of 2 / learning rate of a series, at the steps at which the eigenvalue was measured."""
    frames = [data.frames[run.id] for run in series.completed or series.runs[:1]]
    if any(not {column, "train/lr"} <= set(frame.columns) for frame in frames):
        return []
    measured = [frame.filter(pl.col(column).is_not_null() & (pl.col("train/lr") > 0)) for frame in frames]
    rows = mean_curve([frame.with_columns(threshold=2 / pl.col("train/lr")) for frame in measured], "threshold")
    return [] if rows.is_empty() else [single_curve(series, rows, NAME)]
