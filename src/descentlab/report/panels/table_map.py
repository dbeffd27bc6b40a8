"""Map of a table of runs: the final training loss over two swept numbers, and the region in which training diverges."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.table_data import SEEDS, TableData
from descentlab.report.formats import format_number
from descentlab.store.record import Status
from descentlab.store.table import Axis

ORDER = 12
DIVERGED = "#B4344A"  # the colour of cells whose runs diverged
HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 620, 70, 90, 10, 50  # of the plot, and its margins in pixels
SPREAD = 20.0  # the least ratio of the largest and the smallest value of an axis with a logarithmic scale
OUTLIERS = 0.02  # the fraction of the losses at either end of the colours' range whose differences are not shown
NOTE = "Brighter cells have a lower training loss at the end; in red ones training diverged."
OTHERS = (
    " A cell shows the geometric mean over the completed runs that differ in {others}; it is red if half of its runs diverged."
)


def draw_table(data: TableData) -> Figure | None:
    """Draw the map of the two swept numbers with the most values; None if fewer than two numbers were swept."""
    numeric = [axis for axis in data.axes if axis.key not in SEEDS and _is_numeric(axis)]
    if len(numeric) < 2:
        return None
    by_size = sorted(numeric, key=lambda axis: -len(axis.values))[:2]
    y, x = [axis for axis in data.axes if axis in by_size]
    others = [axis.key for axis in data.axes if axis not in (x, y)]
    losses, diverged = _cells(data.runs, x, y)
    traces = _traces(losses, diverged, x, y)
    note = NOTE + (OTHERS.format(others=", ".join(others)) if others else "")
    layout: dict[str, object] = {
        "height": HEIGHT,
        "margin": {"l": LEFT, "r": RIGHT, "t": TOP, "b": BOTTOM},
        "xaxis": _scale(x) | {"title": {"text": x.key}},
        "yaxis": _scale(y) | {"title": {"text": y.key}},
    }
    title = f"Final training loss by {x.key} and {y.key}"
    summary = f"{data.diverged} of {data.runs.height} runs diverged"
    scale = "log" if _is_log(y) else "linear"
    return Figure(title, traces, scale, x=x.key, x_scale="linear", layout=layout, note=note, summary=summary)


def _cells(runs: pl.DataFrame, x: Axis, y: Axis) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Return the logarithm of the loss of each cell, NaN without one, and whether it diverged; both of shape (y, x)."""
    loss = pl.col("last_train_loss")
    columns = [
        pl.when((pl.col("status") == Status.COMPLETED) & (loss > 0)).then(loss).log10().mean().alias("loss"),
        ((pl.col("status") == Status.DIVERGED).mean() >= 0.5).alias("diverged"),
    ]
    found = runs.group_by(x.key, y.key).agg(columns)
    places = [{value: place for place, value in enumerate(axis.values)} for axis in (x, y)]
    columns_at = [places[0][value] for value in found[x.key]]
    rows_at = [places[1][value] for value in found[y.key]]
    losses = np.full((len(y.values), len(x.values)), np.nan)
    diverged = np.zeros(losses.shape, dtype=bool)
    losses[rows_at, columns_at] = found["loss"].to_numpy()
    diverged[rows_at, columns_at] = found["diverged"].to_numpy()
    return np.where(diverged, np.nan, losses), diverged


def _traces(losses: NDArray[np.float64], diverged: NDArray[np.bool_], x: Axis, y: Axis) -> list[Trace]:
    """Return the heatmap of the losses, and that of the diverged cells in one colour."""
    axes: Trace = {"type": "heatmap", "x": list(x.values), "y": list(y.values), "hoverongaps": False}
    place = f"{x.key}: %{{x:.4g}}<br>{y.key}: %{{y:.4g}}<br>"
    found: list[Trace] = []
    known = losses[~np.isnan(losses)]
    if known.size:
        low, high = (float(each) for each in np.quantile(known, [OUTLIERS, 1 - OUTLIERS]))
        z = [[None if math.isnan(value) else round(value, 4) for value in row] for row in losses.tolist()]
        text = [["" if value is None else f"{10**value:.4g}" for value in row] for row in z] if losses.size < 5000 else None
        loss = "loss: %{text}" if text else "log10 of the loss: %{z:.3f}"
        shown: Trace = {**axes, "z": z, "zmin": low, "zmax": high, "colorscale": "Viridis", "reversescale": True}
        shown |= {"hovertemplate": f"{place}{loss}<extra></extra>", "colorbar": _colorbar(low, high)}
        found.append(shown | ({"text": text} if text else {}))
    if diverged.any():
        z = [[1 if value else None for value in row] for row in diverged.tolist()]
        red: Trace = {**axes, "z": z, "colorscale": [[0, DIVERGED], [1, DIVERGED]], "showscale": False}
        found.append(red | {"hovertemplate": f"{place}diverged<extra></extra>"})
    return found


def _colorbar(low: float, high: float) -> dict[str, object]:
    """Return a colour bar whose ticks are losses, while the colours are their logarithms."""
    ticks = np.linspace(low, high, 6).tolist()
    return {"title": {"text": "loss"}, "thickness": 14, "tickvals": ticks, "ticktext": [f"{10**each:.2g}" for each in ticks]}


def _is_numeric(axis: Axis) -> bool:
    return all(isinstance(value, int | float) for value in axis.values)


def _is_log(axis: Axis) -> bool:
    return min(axis.values) > 0 and max(axis.values) / min(axis.values) >= SPREAD


def _scale(axis: Axis) -> dict[str, object]:
    common: dict[str, object] = {"type": "log" if _is_log(axis) else "linear", "showgrid": False}
    if len(axis.values) <= 8:
        common |= {"tickvals": list(axis.values), "ticktext": [format_number(each) for each in axis.values]}
    return common
