"""Figures of curves: the mean of each series with a band for its interval, and the runs that did not complete."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.levels import Level
from descentlab.report.drawing.style import Style
from descentlab.report.series import Series
from descentlab.report.statistics.curves import AXES, mean_curve, thin
from descentlab.store.record import Record, Status

HOVER = "%{fullData.name}<br>%{x:,.4~g}, %{y:.4~g}<extra></extra>"
NO_LINE = {"line": {"width": 0}}
BAND_OPACITY = "1f"  # 12 %, as the alpha digits of a hexadecimal colour


@dataclass(frozen=True)
class Range:
    """The range of y within which a figure is drawn.

    Args:
        low: a run that did not complete is drawn until it falls below it.
        high: a run that did not complete is drawn until it exceeds it.
        band_low: bands are clipped here from below.
    """

    low: float = -math.inf
    high: float = math.inf
    band_low: float = -math.inf


def curve_figure(
    data: PanelData, column: str, title: str, scale: str = "loss", *, levels: Sequence[Level] = (), limited: bool = True
) -> Figure | None:
    """Draw a line per series: the mean of its completed runs. Runs that did not complete get a line each.

    Args:
        data: the series to draw.
        column: the curve, such as "train/loss".
        title: the heading of the figure.
        scale: see Figure; a figure with values that are not positive is drawn on a linear axis.
        levels: horizontal lines.
        limited: cut runs that did not complete where they leave the range of the means.

    Returns:
        None if no run has this curve.
    """
    means = {one.label: mean_curve([data.frames[run.id] for run in one.completed], column) for one in data.series}
    limits = _limits(list(means.values())) if limited else Range()
    bands, incomplete, lines = [], [], []
    for one in data.series:
        rows, style = thin(means[one.label], data.points), data.styles[one.label]
        bands += _band(one, rows, style, limits if scale == "loss" else Range())
        lines += _mean(one, rows, style)
        for run in one.incomplete:
            rows = thin(mean_curve([data.frames[run.id]], column), data.points)
            incomplete += _incomplete(one, run, rows, style, limits)
    traces = bands + incomplete + lines  # the order of drawing: means on top
    positive = all(y > 0 for trace in traces for y in trace["y"])
    return Figure(title, traces, scale if positive else "linear", levels=list(levels)) if traces else None


def _limits(means: Sequence[pl.DataFrame]) -> Range:
    """Return the range of the means, extended by twice its size on either side; without means, no limits.

    A diverged run drawn in full would flatten all other curves.
    """
    values = pl.concat([rows["y"] for rows in means])
    low, high = values.min(), values.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return Range()
    margin = 2 * (high - low)
    # A t-interval may reach below zero, which a logarithmic axis cannot show.
    return Range(low - margin, high + margin, low / 2 if low > 0 else -math.inf)


def _mean(series: Series, rows: pl.DataFrame, style: Style) -> list[Trace]:
    if rows.is_empty():
        return []
    n = len(series.completed)
    name = f"{series.label}, mean of {n}" if n > 1 else series.label
    return [_trace(series, rows, rows["y"], style, name=name, mode="lines" if rows.height > 1 else "markers")]


def _band(series: Series, rows: pl.DataFrame, style: Style, limits: Range) -> list[Trace]:
    """Draw the 95 % interval as a filled outline: along the upper edge, and back along the lower one."""
    rows = rows.drop_nulls("low")
    if rows.is_empty():
        return []
    lower = rows["low"].clip(lower_bound=limits.band_low)
    upper = rows["high"].clip(upper_bound=limits.high)  # with few seeds, an interval on a log scale may be very wide
    outline, y = pl.concat([rows, rows.reverse()]), pl.concat([upper, lower.reverse()])
    fill = {"fill": "toself", "fillcolor": f"{style.color}{BAND_OPACITY}", "hoverinfo": "skip"}
    return [_trace(series, outline, y, style, **fill) | NO_LINE]


def _incomplete(series: Series, run: Record, rows: pl.DataFrame, style: Style, limits: Range) -> list[Trace]:
    """Draw a run that did not complete up to where it leaves the limits, with a marker at its end."""
    if rows.is_empty():
        return []
    outside = ((rows["y"] > limits.high) | (rows["y"] < limits.low)).arg_true()
    shown = rows.head(outside[0] + 1) if len(outside) else rows
    y = shown["y"].clip(limits.low, limits.high)
    last_step = run.summary.get("diverged_step") or f"{rows['step'][-1]:g}"
    name = f"{series.label}, seed {run.config.get('seed')}: {run.status} at step {last_step}"
    symbol = "x" if run.status is Status.DIVERGED else "circle-open"
    marker = {"mode": "markers", "marker": {"symbol": symbol, "size": 9, "color": style.color}}
    line = _trace(series, shown, y, style, name=name, opacity=0.6)
    return [line, _trace(series, shown.tail(1), y.tail(1), style, name=name) | marker]


def _trace(series: Series, rows: pl.DataFrame, y: pl.Series, style: Style, **more: Any) -> Trace:
    xs = {axis: rows[axis].to_list() for axis in AXES}
    line = {"color": style.color, "dash": style.dash, "width": 2}
    trace: Trace = {"type": "scatter", "series": series.label, "name": series.label, "xs": xs, "y": y.to_list()}
    return {**trace, "line": line, "mode": "lines", "hovertemplate": HOVER, **more}
