"""Trajectories of the optimizers on the surface of a two-dimensional test function; of several seeds, the first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.series import Series
from descentlab.store.record import EXHIBITS, read_json

ORDER = 10
NOTE = "The path of the first seed of each series over the contours of the function; light is low."


def draw(data: PanelData) -> Figure | None:
    paths = [run.folder / EXHIBITS / "surface.json" for run in data.comparison.runs]
    surface = next((read_json(path) for path in paths if path.exists()), None)
    if surface is None:
        return None
    axis = surface["axis"]
    traces = [_contours(surface), *(_trajectory(one, data) for one in data.series), _minima(surface)]
    return Figure("Trajectories on the surface (stars: minima)", traces, "linear", x="x", plane=(axis[0], axis[-1]), note=NOTE)


def _contours(surface: Mapping[str, Any]) -> Trace:
    return {
        "type": "contour",
        "x": surface["axis"],
        "y": surface["axis"],
        "z": surface["height"],
        "colorscale": "Greys",
        "reversescale": True,
        "showscale": False,
        "hoverinfo": "skip",
        "ncontours": 24,
        "contours": {"coloring": "heatmap"},
        "line": {"width": 0.5},
        "opacity": 0.55,
    }


def _trajectory(series: Series, data: PanelData) -> Trace:
    rows = data.frames[series.runs[0].id].drop_nulls(["train/x", "train/y"])
    style = data.styles[series.label]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "marker": {"size": 3},
        "line": {"color": style.color, "dash": style.dash, "width": 2},
        "series": series.label,
        "x": rows["train/x"].to_list(),
        "y": rows["train/y"].to_list(),
        "text": [f"{series.label}, step {step:,.0f}" for step in rows["step"]],
        "hoverinfo": "text",
    }


def _minima(surface: Mapping[str, Any]) -> Trace:
    return {
        "type": "scatter",
        "x": [x for x, _ in surface["minima"]],
        "y": [y for _, y in surface["minima"]],
        "mode": "markers",
        "marker": {"symbol": "star", "size": 13, "color": "gold", "line": {"color": "black", "width": 1}},
        "hovertemplate": "minimum at (%{x:.4~g}, %{y:.4~g})<extra></extra>",
    }
