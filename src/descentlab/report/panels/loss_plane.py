"""Loss over a plane through the end of the first run that has it, with its trajectory; measured by scripts/landscape.py."""

from __future__ import annotations

import math

from descentlab.report.drawing.analyses import Content, analyses
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace

ORDER = 92
OF_RUN = True
PATH = "#D55E00"


def draw(data: PanelData) -> Figure | None:
    entry, run, found = next(analyses(data, "plane"), (None, None, None))
    if entry is None or run is None or found is None:
        return None
    traces = [_contours(found), *_path(found)]
    for trace in traces:
        trace["series"] = entry.series.label
    names = ("first", "second")
    shares = [f"{name} direction ({share:.0%})" for name, share in zip(names, found["explained"], strict=False)]
    x, y = shares or [f"{name} random direction" for name in names]
    note = "Contours of the logarithm of the loss, light is low; ★ is the end of the run. " + _basis(found)
    layout = {"height": 420, "xaxis": {"showgrid": False}, "yaxis": {"showgrid": False}}
    summary = f"loss from {min(map(min, found['loss'])):.3g} to {max(map(max, found['loss'])):.3g}"
    return Figure(
        f"Loss around the end of {run.name}", traces, "linear", x, "linear", y, layout=layout, note=note, summary=summary
    )


def _basis(found: Content) -> str:
    if not found["trajectory"]:
        return "Both directions are random, with filters of the norms of the model's (Li et al. 2018)."
    return "The plane of the two principal directions of the trajectory, with the share of its movement that each contains."


def _contours(found: Content) -> Trace:
    lowest = min(min(row) for row in found["loss"])
    is_positive = lowest > 0
    height = [[math.log10(value) if is_positive else value for value in row] for row in found["loss"]]
    shown = [[f"{value:.4g}" for value in row] for row in found["loss"]]
    return {
        "type": "contour",
        "x": found["x"],
        "y": found["y"],
        "z": height,
        "text": shown,
        "colorscale": "Greys",
        "reversescale": True,
        "showscale": False,
        "ncontours": 24,
        "contours": {"coloring": "heatmap"},
        "line": {"width": 0.5},
        "opacity": 0.7,
        "hovertemplate": "loss %{text}<extra></extra>",
    }


def _path(found: Content) -> list[Trace]:
    """Return the trajectory, if it is known, and the end of the run."""
    end: Trace = {
        "type": "scatter",
        "mode": "markers",
        "x": [0],
        "y": [0],
        "marker": {"symbol": "star", "size": 13, "color": "gold", "line": {"color": "black", "width": 1}},
        "hoverinfo": "skip",
    }
    if not found["trajectory"]:
        return [end]
    steps, x, y = zip(*found["trajectory"], strict=True)
    path: Trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "x": list(x),
        "y": list(y),
        "text": [f"step {step:,}" for step in steps],
        "marker": {"size": 5, "color": PATH},
        "line": {"color": PATH, "width": 2},
        "hovertemplate": "%{text}<extra></extra>",
    }
    return [path, end]
