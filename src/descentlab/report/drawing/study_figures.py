"""The figures of a study: curves of its arms, quantities over a swept value, and the effect of each check."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.style import COLORS
from descentlab.report.statistics.curves import mean_curve, run_curves
from descentlab.report.statistics.interval import mean_interval
from descentlab.store.record import Record, read_curves
from descentlab.store.verdict import StudyVerdict

CURVES = 24  # the largest number of lines of a figure
BAND = "26"  # opacity of an interval, as the alpha digits of a hexadecimal colour
WIDE = 30  # ratio of the largest and the smallest value from which their axis is logarithmic
LONG = 40  # characters of a label


def study_figures(verdict: StudyVerdict, records: Mapping[str, Record]) -> list[Figure]:
    """Return the figures that the study's file describes, and one for each check over a swept value.

    Args:
        verdict: the study.
        records: the records of its runs by id.
    """
    settings = verdict.figure
    found = [_curves(verdict, records, settings)] if "y" in settings else []
    found += [_over(verdict, place) for place in range(len(verdict.checks))]
    return [figure for figure in found if figure is not None]


def _curves(verdict: StudyVerdict, records: Mapping[str, Record], settings: Mapping[str, Any]) -> Figure | None:
    """Return the mean of a column of the curves over seeds, one line for each arm and swept value."""
    column = str(settings["y"])
    arms = settings.get("arms", list(verdict.arms))
    found: dict[tuple[int, str], list[pl.DataFrame]] = {}
    for id, places in verdict.runs.items():
        for place in places:
            if place["role"] == "report" and id in records and place["arm"] in arms:
                found.setdefault((arms.index(place["arm"]), _label(place)), []).append(_frame(records[id], column))
    traces: list[Trace] = []
    for number, ((_, label), frames) in enumerate(sorted(found.items(), key=lambda group: group[0])[:CURVES]):
        traces += _line(label, mean_curve([frame for frame in frames if column in frame.columns], column), number)
    if not traces:
        return None
    scale = str(settings.get("scale", "log"))
    title = str(settings.get("title", column))
    note = "Each line is the mean over seeds, a band its 95 % interval."
    layout = {"showlegend": True, "height": 420}
    return Figure(title, traces, scale, "step", str(settings.get("x_scale", "linear")), column, layout=layout, note=note)


def _frame(record: Record, column: str) -> pl.DataFrame:
    """Return the curves of a run with `column`, which may be one of a probe."""
    rows = run_curves(record)
    if column in rows.columns:
        return rows
    found = read_curves(record.folder)
    if column not in found.columns:
        return rows
    return rows.join(found.select(pl.col("step").cast(pl.Float64), pl.col(column).cast(pl.Float64)).drop_nulls(), on="step")


def _label(place: Mapping[str, Any]) -> str:
    """Return the arm of a run, with the values over which it is trained."""
    return ", ".join([str(place["arm"]), *(f"{key.rpartition('.')[2]}={value}" for key, value in place["over"].items())])


def _line(label: str, rows: pl.DataFrame, number: int) -> list[Trace]:
    if rows.is_empty():
        return []
    color = COLORS[number % len(COLORS)]
    x, y = rows["step"].to_list(), rows["y"].to_list()
    hover = f"{label}, step %{{x}}: %{{y:.4~g}}<extra></extra>"
    line = {"type": "scatter", "mode": "lines", "x": x, "y": y, "name": label, "line": {"color": color, "width": 2.2}}
    band: list[Trace] = []
    if rows["low"].null_count() == 0:
        xs, edge = [*x, *reversed(x)], [*rows["high"].to_list(), *reversed(rows["low"].to_list())]
        shape = {"type": "scatter", "x": xs, "y": edge, "fill": "toself", "fillcolor": color + BAND, "line": {"width": 0}}
        band = [{**shape, "hoverinfo": "skip", "showlegend": False}]
    return [*band, {**line, "hovertemplate": hover}]


def _over(verdict: StudyVerdict, place: int) -> Figure | None:
    """Return the values of a check over x, if it has any: the mean of each arm with its interval, and the seeds as points."""
    check = verdict.checks[place]
    rows = [row for row in check.values if row["x"] is not None and row["value"] is not None and math.isfinite(row["value"])]
    if len({row["x"] for row in rows}) < 2:
        return None
    traces: list[Trace] = []
    for number, arm in enumerate(dict.fromkeys(row["arm"] for row in rows)):
        own = [row for row in rows if row["arm"] == arm]
        traces += _points(arm, own, COLORS[number % len(COLORS)])
    positive = all(row["value"] > 0 for row in rows)
    x = next((next(iter(p["over"]), "") for places in verdict.runs.values() for p in places), "")
    x_scale = "log" if all(row["x"] > 0 for row in rows) else "linear"
    layout = {"showlegend": True, "height": 380}
    note = "Points: seeds; lines: their mean."
    return Figure(check.text, traces, "log" if positive else "linear", str(x), x_scale, check.effect, layout=layout, note=note)


def _points(arm: str, rows: Sequence[Mapping[str, Any]], color: str) -> list[Trace]:
    """Return the values of an arm as points, and their mean at each x as a line."""
    xs = sorted({row["x"] for row in rows})
    means = [sum(own) / len(own) for x in xs if (own := [row["value"] for row in rows if row["x"] == x])]
    points = {"type": "scatter", "mode": "markers", "x": [row["x"] for row in rows], "y": [row["value"] for row in rows]}
    line = {"type": "scatter", "mode": "lines", "x": xs, "y": means, "name": arm, "line": {"color": color, "width": 2.2}}
    hover = f"{arm}, %{{x:.4~g}}: %{{y:.4~g}}<extra></extra>"
    return [{**points, "marker": {"color": color, "size": 5}, "showlegend": False, "hovertemplate": hover}, line]


def effect_figure(verdict: StudyVerdict) -> Figure | None:
    """Return the values without x that the checks compare, once for each arm and quantity: seeds, and their mean."""
    rows: dict[tuple[str, str], list[float]] = {}
    for check in verdict.checks:
        found: dict[tuple[str, str], list[float]] = {}
        for row in check.values:
            if row["x"] is None and row["value"] is not None and math.isfinite(row["value"]):
                found.setdefault((row["arm"], check.quantity), []).append(row["value"])
        rows |= found
    if not rows:
        return None
    several = len({quantity for _, quantity in rows}) > 1
    labels = [f"{arm}<br>{_short(quantity)}" if several else arm for arm, quantity in rows]
    arms = list(verdict.arms)
    traces: list[Trace] = []
    for label, (arm, _), values in zip(labels, rows, rows.values(), strict=True):
        color = COLORS[arms.index(arm) % len(COLORS)] if arm in arms else COLORS[0]
        traces += _estimate(label, values, color)
    values = [value for own in rows.values() for value in own]
    spread = min(values) > 0 and max(values) > WIDE * min(values)
    axis = {"type": "category", "automargin": True, "autorange": "reversed", "dtick": 1}
    layout = {"height": 120 + 44 * len(rows), "yaxis": axis}
    x = "" if several else verdict.checks[0].quantity
    note = "Points: seeds; diamonds: their mean with its 95 % interval."
    return Figure("What the checks compare", traces, "linear", x, "log" if spread else "linear", layout=layout, note=note)


def _estimate(label: str, values: Sequence[float], color: str) -> list[Trace]:
    """Return values as points in the row `label`, and their mean with its interval."""
    interval = mean_interval(values) if len(values) > 1 else None
    mean = sum(values) / len(values)
    error: dict[str, Any] = {}
    if interval is not None:
        ends = {"array": [interval.high - mean], "arrayminus": [mean - interval.low]}
        error = {"error_x": {"type": "data", "symmetric": False, "color": color, **ends}}
    hover = {"hovertemplate": "%{x:.4~g}<extra></extra>"}
    points = {"type": "scatter", "mode": "markers", "x": list(values), "y": [label] * len(values), **hover}
    center = {"type": "scatter", "mode": "markers", "x": [mean], "y": [label], **hover}
    marker = {"color": color, "size": 11, "symbol": "diamond"}
    return [{**points, "marker": {"color": color, "size": 6, "opacity": 0.5}}, {**center, "marker": marker, **error}]


def _short(text: str) -> str:
    return text if len(text) <= LONG else f"{text[: LONG - 2]}…"
