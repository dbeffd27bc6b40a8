"""Parallel coordinates: each trial of an optimizer as a line through its swept numbers and its validation value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from descentlab.report.criterion import split_label
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.style import Style
from descentlab.report.drawing.swept import Point, Swept, is_log, shares, short_name, swept
from descentlab.report.formats import format_number

ORDER = 84
MIN_KEYS = 3
ROW, GAP = 250, 0.28  # height of the plot of an optimizer in pixels; gap between plots as a fraction of a row
LOST = "#6B7280"  # the colour of settings without a value
FAINTEST = 0.12  # the opacity of the worst settings
NOTE = "A line is a setting: the stronger, the better its {metric}; thick: the best selected; dotted: no run completed."


def draw(data: PanelData) -> Figure | None:
    """Draw the panel if at least three numbers vary between the series of an optimizer."""
    found = [each for each in swept(data) if len(each.keys) >= MIN_KEYS and any(point.best for point in each.points)]
    if not found:
        return None
    metric = data.comparison.monitor
    traces: list[Trace] = []
    layout: dict[str, Any] = {
        "annotations": [],
        "height": ROW * len(found) + 30,
        "margin": {"l": 44, "r": 44, "t": 44, "b": 30},
    }
    for row, each in enumerate(found):
        id = "" if row == 0 else str(row + 1)
        lines = _lines(each, data.styles[each.owner], data.comparison.mode)
        traces += [line | {"xaxis": f"x{id}", "yaxis": f"y{id}"} for line in lines]
        layout |= _axes(each, row, len(found), id)
        layout["annotations"] += _notes(each, data.comparison.mode, id, 1 - row / len(found))
    summary = "; ".join(_describe(each, data.comparison.mode) for each in found)
    title = f"Settings tried and their {split_label(data.comparison, 'valid', metric)}"
    note = NOTE.format(metric=metric)
    return Figure(title, traces, "linear", x_scale="linear", layout=layout, note=note, summary=summary)


def _lines(each: Swept, style: Style, mode: str) -> list[Trace]:
    """Return a line for each point, the best selected one last and thick; without a value it ends below the axis."""
    columns = [_fractions([point.values[at] for point in each.points]) for at in range(len(each.keys))]
    known = [point.best.mean for point in each.points if point.best is not None]
    share = dict(zip(known, shares(known, mode), strict=True))
    order = sorted(range(len(each.points)), key=lambda index: _rank(each.points[index], share))
    heights = [[column[index] for column in columns] for index in order]
    lines = [_line(each, each.points[index], at, share, style) for index, at in zip(order, heights, strict=True)]
    if each.points[order[-1]].is_selected:
        lines[-1] |= {"line": lines[-1]["line"] | {"width": 3.5}, "opacity": 1, "marker": {"size": 7}}
    return lines


def _rank(point: Point, share: dict[float, float]) -> tuple[bool, float]:
    return point.is_selected, -1.0 if point.best is None else share[point.best.mean]


def _line(each: Swept, point: Point, heights: list[float], share: dict[float, float], style: Style) -> Trace:
    value = None if point.best is None else share[point.best.mean]
    line = {"color": LOST if value is None else style.color, "width": 1.3, "dash": "dot" if value is None else "solid"}
    opacity = 0.5 if value is None else FAINTEST + (1 - FAINTEST) * value**2
    places = {"x": list(range(len(heights) + 1)), "y": [*heights, -0.1 if value is None else value]}
    hover = {"text": [point.text] * (len(heights) + 1), "hovertemplate": "%{text}<extra></extra>"}
    common = {"type": "scatter", "mode": "lines+markers", "series": each.owner, "marker": {"size": 4}}
    return {**common, **places, **hover, "line": line, "opacity": round(opacity, 3)}


def _fractions(values: Sequence[float]) -> list[float]:
    """Return where each value is between the lowest (0) and the highest (1), on a logarithmic scale over a wide range."""
    low, high = min(values), max(values)
    if is_log([low, high]):
        return [math.log(value / low) / math.log(high / low) for value in values]
    return [(value - low) / (high - low) for value in values]


def _axes(each: Swept, row: int, rows: int, id: str) -> dict[str, Any]:
    top = 1 - row / rows
    bottom = top - (1 - (GAP if row < rows - 1 else 0)) / rows
    names = [short_name(key) for key in each.keys]
    at = {"tickvals": list(range(len(names) + 1)), "ticktext": [*names, "value"], "tickmode": "array", "showgrid": True}
    x = at | {"range": [-0.05, len(names) + 0.05], "anchor": f"y{id}", "fixedrange": True, "title": {"text": ""}}
    y = {"domain": [bottom, top], "range": [-0.18, 1.16], "visible": False, "anchor": f"x{id}", "fixedrange": True}
    return {f"xaxis{id}": x, f"yaxis{id}": y}


def _notes(each: Swept, mode: str, id: str, top: float) -> list[dict[str, Any]]:
    """Return the name of the optimizer, and the lowest and the highest value at the ends of each axis."""
    common = {"showarrow": False, "xref": f"x{id}", "yref": f"y{id}"}
    ends = [(each.tried(key)[0], each.tried(key)[-1]) for key in each.keys]
    known = sorted((point.best.mean for point in each.points if point.best is not None), reverse=mode == "min")
    places = [*enumerate([*ends, (known[0], known[-1])])]
    low = [common | {"x": at, "y": -0.03, "text": format_number(pair[0]), "yanchor": "top"} for at, pair in places]
    high = [common | {"x": at, "y": 1.03, "text": format_number(pair[1]), "yanchor": "bottom"} for at, pair in places]
    at_left = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "bottom"}
    name = {**at_left, "xshift": -30, "yshift": 6, "showarrow": False, "text": f"<b>{each.optimizer}</b>"}
    return [name, *low, *high]


def _describe(each: Swept, mode: str) -> str:
    """Return a text such as "adam: 16 settings of lr, beta1 and eps, values from 0.12 to 0.97"."""
    known = sorted((point.best.mean for point in each.points if point.best is not None), reverse=mode == "min")
    names = ", ".join(map(short_name, each.keys))
    return f"{each.optimizer}: {len(each.points)} settings of {names}, values from {known[0]:.4g} to {known[-1]:.4g}"
