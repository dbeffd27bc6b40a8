"""The figures of a study: curves of its arms, quantities over a swept value, and the effect of each check."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from descentlab.report.drawing.figure import Figure, Level, Trace
from descentlab.report.drawing.style import COLORS
from descentlab.report.statistics.curves import mean_curve, run_curves
from descentlab.report.statistics.interval import mean_interval
from descentlab.store.record import Record, read_curves
from descentlab.store.verdict import CheckResult, StudyVerdict

CURVES = 24  # the largest number of lines of a figure
BAND = "26"  # opacity of an interval, as the alpha digits of a hexadecimal colour
WIDE = 30  # ratio of the largest and the smallest value from which their axis is logarithmic
LONG = 40  # characters of a label


def study_figures(verdict: StudyVerdict, records: Mapping[str, Record]) -> list[Figure]:
    """Return the figure that the study's file describes, and one for each quantity that the checks compare over a swept value.

    Args:
        verdict: the study.
        records: the records of its runs by id.
    """
    settings = verdict.figure
    found = [_curves(verdict, records, settings)] if "y" in settings else []
    by_quantity: dict[str, list[CheckResult]] = {}
    for check in verdict.checks:
        by_quantity.setdefault(check.grid_quantity or check.quantity, []).append(check)
    found += [_over(verdict, quantity, checks) for quantity, checks in by_quantity.items()]
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
    layout = _below(min(len(found), CURVES))
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


def _over(verdict: StudyVerdict, quantity: str, checks: Sequence[CheckResult]) -> Figure | None:
    """Return a quantity over x: the mean of each arm that a check names, the seeds as points, and the bounds of the checks.

    Returns:
        None if no arm has two values of x.
    """
    found: dict[tuple[str, float, int], float | None] = {}
    for check in checks:
        arms = check.check.get("arms")
        for row in check.grid or check.values:
            if row["x"] is not None and (arms is None or row["arm"] in arms):
                found[row["arm"], row["x"], row["seed"]] = row["value"]
    values = [value for value in found.values() if value is not None and math.isfinite(value)]
    if len({x for _, x, _ in found}) < 2 or not values:
        return None
    positive = min(values) > 0
    above = max(values) * 3 if positive else max(values) + (max(values) - min(values)) / 8
    traces: list[Trace] = []
    for number, arm in enumerate(dict.fromkeys(arm for arm, _, _ in found)):
        own = [(x, value) for (name, x, _), value in found.items() if name == arm]
        traces += _points(arm, own, COLORS[number % len(COLORS)], above)
    levels = [level for check in checks if not check.grid for level in _bounds(check)]
    x_scale = "log" if all(x > 0 for _, x, _ in found) else "linear"
    title = checks[0].text if len(checks) == 1 else quantity
    note = "Points: seeds; lines: their mean; crosses: no value, as of a run that diverged."
    scale, layout = "log" if positive else "linear", _below(len({arm for arm, _, _ in found}))
    return Figure(title, traces, scale, _swept_key(verdict), x_scale, _short(quantity), levels, layout=layout, note=note)


def _bounds(check: CheckResult) -> list[Level]:
    """Return the bounds of a check that are values of its quantity, with what is claimed."""
    if check.check.get("check") not in ("value", "crossed"):
        return []
    ends = [check.check.get("at_most"), check.check.get("at_least"), *check.check.get("within", ())]
    return [(float(end), f"claimed {check.bound}") for end in ends if end is not None]


def _swept_key(verdict: StudyVerdict) -> str:
    """Return the first key of `over` as the title of the x axis, which shows the positions of values that are no numbers."""
    swept = [next(iter(place["over"].items())) for places in verdict.runs.values() for place in places if place["over"]]
    if not swept:
        return ""
    key, value = swept[0]
    return str(key) if isinstance(value, int | float) else f"{key}, by position"


def _below(entries: int) -> dict[str, Any]:
    """Return the layout of a figure with a legend below it, where long names have room on narrow screens."""
    legend = {"orientation": "h", "x": 0, "y": -0.24, "yanchor": "top"}
    return {"showlegend": True, "height": 400 + 19 * entries, "legend": legend}


def _points(arm: str, values: Sequence[tuple[float, float | None]], color: str, above: float) -> list[Trace]:
    """Return the values of an arm as points, their mean at each x as a line, and crosses at `above` where there is no value."""
    known = [(x, value) for x, value in values if value is not None and math.isfinite(value)]
    missing = [x for x, value in values if value is None or not math.isfinite(value)]
    xs = sorted({x for x, _ in known} - set(missing))
    means = [sum(own) / len(own) for x in xs if (own := [value for place, value in known if place == x])]
    marker = {"type": "scatter", "mode": "markers", "showlegend": False}
    hover = f"{arm}, %{{x:.4~g}}: %{{y:.4~g}}<extra></extra>"
    points = {**marker, "x": [x for x, _ in known], "y": [value for _, value in known], "hovertemplate": hover}
    crosses = {
        **marker,
        "x": missing,
        "y": [above] * len(missing),
        "hovertemplate": f"{arm}, %{{x:.4~g}}: no value<extra></extra>",
    }
    line = {"type": "scatter", "mode": "lines", "x": xs, "y": means, "name": arm, "line": {"color": color, "width": 2.2}}
    shown = [{**points, "marker": {"color": color, "size": 5}}, line]
    return [*shown, {**crosses, "marker": {"color": color, "size": 8, "symbol": "x"}}] if missing else shown


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
