"""Figures of curves: the mean of each series with its interval, and the runs that did not complete."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Curve, CurveFigure, Level
from descentlab.report.drawing.thinning import SELECTED_POINTS, kept_rows, points_of_others
from descentlab.report.formats import format_number
from descentlab.report.series import Series
from descentlab.report.statistics.curves import AXES, mean_curve
from descentlab.report.statistics.interval import within
from descentlab.report.statistics.ranges import POSITIVE, bounds_of
from descentlab.store.record import Record, Status

NO_LINE = {"line": {"width": 0}}
BAND_OPACITY = "1f"  # 12 %, as the alpha digits of a hexadecimal colour
KNOTS, KNOTS_OF_OTHERS = 33, 9  # rows at which the other x axes of a line are stored; between them they are interpolated
EMPTY = pl.DataFrame(schema=dict.fromkeys([*AXES, "y", "low", "high"], pl.Float64))


def widths(lines: int) -> list[float]:
    """Return the widths of step functions as they are drawn: the first are wider, so that equal ones show."""
    return [max(2.0, 2.0 + 2.5 * (min(lines, 3) - 1 - index)) for index in range(lines)]


@dataclass(frozen=True)
class Range:
    """The range of y within which a figure is drawn.

    Args:
        low: bands are clipped here, and a run that did not complete is drawn until it falls below it.
        high: bands are clipped here, and a run that did not complete is drawn until it exceeds it.
    """

    low: float = -math.inf
    high: float = math.inf


MEAN = "Each line is the mean over seeds of an optimizer at its selected settings, a band its 95 % interval"


def curve_figure(
    data: PanelData,
    column: str,
    title: str,
    scale: str = "loss",
    *,
    levels: Sequence[Level] = (),
    limited: bool = True,
    note: str = f"{MEAN}.",
) -> CurveFigure | None:
    """Draw a line per series: the mean of its completed runs. Runs that did not complete get a line each.

    Lines are thinned, see `thinning`; only those of selected series have a band.

    Args:
        data: the series to draw.
        column: the curve, such as "train/loss".
        title: the heading of the figure.
        scale: see CurveFigure; a figure with values that are not positive is drawn on a linear axis.
        levels: horizontal lines.
        limited: clip bands and cut runs that did not complete where they leave the range of the selected means by far.
        note: a sentence that tells how to read the figure.

    Returns:
        None if no run has this curve.
    """
    means = {one.label: mean_curve([data.frames[run.id] for run in one.completed], column) for one in data.all_series}
    selected = {one.label for one in data.selected}
    shown = [rows for label, rows in means.items() if label in selected and rows.height]
    limits = _limits(shown or list(means.values())) if limited else Range()
    if scale != "linear":
        means |= {label: _log_band(means[label], column) for label in selected}
    points = points_of_others(len(data.all_series) - len(selected))
    curves: list[Curve] = []
    for one in data.all_series:
        own = _Thinning(SELECTED_POINTS, KNOTS) if one.label in selected else _Thinning(points, KNOTS_OF_OTHERS)
        curves += _mean(one, means[one.label], limits, own, one.label in selected)
        for run in one.incomplete:
            curves += _incomplete(one, run, mean_curve([data.frames[run.id]], column), limits, own)
    positive = all(curve.rows["y"].min() > 0 for curve in curves)  # pyright: ignore[reportOperatorIssue]
    scale = scale if positive else "linear"
    return CurveFigure(title, curves, scale, list(levels), note, _last_values(data, means), column) if curves else None


def _last_values(data: PanelData, means: Mapping[str, pl.DataFrame]) -> str:
    """Return the last value of each entry as text, such as "at the end adam 0.97, sgd 0.95"."""
    ends = [(entry.name, means[entry.series.label]["y"]) for entry in data.answer.entries]
    texts = [f"{name} {format_number(y[-1])}" if len(y) else f"{name} without a completed run" for name, y in ends]
    return f"at the end {', '.join(texts)}"


@dataclass(frozen=True)
class _Thinning:
    """The maximum numbers of points and of knots of a line."""

    points: int
    knots: int

    def curve(self, series: Series, rows: pl.DataFrame, columns: Sequence[str], run: str = "", mark: str = "") -> Curve:
        """Return the line of `rows`, whose columns are AXES and `columns`."""
        at = np.unique(np.linspace(0, rows.height - 1, min(self.knots, rows.height)).astype(int))
        thinned = rows[kept_rows(rows["y"].to_numpy(), self.points)]
        return Curve(series.label, thinned[["step", *columns]], rows[at, list(AXES)], run, mark)


def single_curve(series: Series, rows: pl.DataFrame, name: str) -> Curve:
    """Return a thin line in the colour of a series.

    Args:
        series: the series.
        rows: the columns AXES and y.
        name: what it shows; the page writes it after the name of the series.
    """
    return _Thinning(SELECTED_POINTS, KNOTS).curve(series, rows, ["y"], name)


def _limits(means: Sequence[pl.DataFrame]) -> Range:
    """Return the range of the means, extended by twice its size on either side; without means, no limits.

    A diverged run drawn in full would flatten all other curves.
    """
    values = pl.concat([rows["y"] for rows in means]) if means else EMPTY["y"]
    low, high = values.min(), values.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return Range()
    margin = 2 * (high - low) or abs(high) or 1.0
    return Range(low / 4 if low > 0 else low - margin, high + margin)  # a logarithmic axis has no 0


def _log_band(rows: pl.DataFrame, column: str) -> pl.DataFrame:
    """Return `rows` with intervals computed on logs, as a logarithmic axis shows them, if all means are positive."""
    lowest = rows["y"].min()
    if not isinstance(lowest, float) or lowest <= 0 or bounds_of(column).low is not None or rows["low"].null_count():
        return rows
    half = ((rows["high"] - rows["low"]) / 2).to_numpy()
    low, high = within(rows["y"].to_numpy(), half, POSITIVE)
    return rows.with_columns(low=pl.Series(low), high=pl.Series(high))


def _mean(series: Series, rows: pl.DataFrame, limits: Range, thinning: _Thinning, banded: bool) -> list[Curve]:
    """Return the mean of a series, with its 95 % interval if `banded` and it has one."""
    if rows.is_empty():
        return []
    if not banded or rows["low"].null_count():
        return [thinning.curve(series, rows, ["y"])]
    clipped = rows.with_columns(pl.col("low", "high").clip(limits.low, limits.high))
    return [thinning.curve(series, clipped, ["y", "low", "high"])]


def _incomplete(series: Series, run: Record, rows: pl.DataFrame, limits: Range, thinning: _Thinning) -> list[Curve]:
    """Return a run that did not complete up to where it leaves the limits, with a marker at its end."""
    if rows.is_empty():
        return []
    y = rows["y"].to_numpy()
    outside = np.flatnonzero((y > limits.high) | (y < limits.low))
    length = int(outside[0]) + 1 if len(outside) else len(y)
    clipped = pl.Series("y", y[:length].clip(limits.low, limits.high))
    shown = pl.DataFrame([*(rows[axis].head(length) for axis in AXES), clipped])
    last_step = run.summary.get("diverged_step") or f"{rows['step'][-1]:g}"
    name = f"seed {run.config.get('seed')}: {run.status} at step {last_step}"
    return [thinning.curve(series, shown, ["y"], name, "x" if run.status is Status.DIVERGED else "circle-open")]
