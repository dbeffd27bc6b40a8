"""Time to target: the fraction of runs that reached the target by each step (Kaplan-Meier, runs that did not are censored)."""

from __future__ import annotations

import math

from descentlab.report.criterion import make_criterion
from descentlab.report.drawing.curves import widths
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.formats import format_count, format_number
from descentlab.report.series import Series
from descentlab.report.statistics.survival import Survival
from descentlab.report.times import survivals

ORDER = 43
ROOM = 1.03  # the end of the x axis over the last step, so that a step there is seen
NOTE = "Higher and further left is better. A bar at the end of a line: runs that did not reach the target in their budget."


def draw(data: PanelData) -> Figure | None:
    """Draw the panel if all runs have one target, a run reached it, and a series has several runs."""
    targets = data.comparison.targets
    if len(targets) != 1 or all(len(one.runs) < 2 for one in data.series):
        return None
    found = survivals(data.series, make_criterion(data.comparison, "steps_to_target"))
    known = [(one, each) for one, each in zip(data.series, found, strict=True) if each is not None]
    times = [time for _, each in known for time in each.times]
    if not times:
        return None
    start, end = 0.8 * max(min(times), 1), max(*times, *(each.horizon for _, each in known))
    title = f"Time to target {format_number(targets[0])}: fraction of runs that reached it (Kaplan-Meier)"
    traces = [trace for one, each in known for trace in _traces(one, each, start, end, data)]
    for width, trace in zip(widths(len(known)), [each for each in traces if each["mode"] == "lines"], strict=True):
        trace["line"]["width"] = width
    summary = "; ".join(f"{one.label}: {_describe(each)}" for one, each in known)
    x_range = [math.log10(start), math.log10(ROOM * end)]
    layout = {"xaxis": {"range": x_range}, "yaxis": {"tickformat": ".0%", "range": [-0.03, 1.05]}}
    return Figure(title, traces, "linear", x="steps", layout=layout, note=NOTE, summary=summary)


def _traces(series: Series, survival: Survival, start: float, end: float, data: PanelData) -> list[Trace]:
    """Return the line of a series, and a mark at its end if runs are censored there."""
    line = _steps(series, survival, start, end, data)
    missed = survival.n - survival.reached
    if not missed:
        return [line]
    marker = {"symbol": "line-ns-open", "size": 11, "color": line["line"]["color"], "line": {"width": 2}}
    text = f"{series.label}: {missed} of {survival.n} runs did not reach the target"
    mark = {"x": [end], "y": [line["y"][-1]], "text": [text], "hovertemplate": "%{text}<extra></extra>", "marker": marker}
    return [line, {"type": "scatter", "series": series.label, "mode": "markers", **mark}]


def _steps(series: Series, survival: Survival, start: float, end: float, data: PanelData) -> Trace:
    style = data.styles[series.label]
    reached = [0.0, *(1 - each for each in survival.remaining)]
    return {
        "type": "scatter",
        "series": series.label,
        "name": f"{series.label}: {_describe(survival)}",
        "x": [start, *survival.times, end],
        "y": [*reached, reached[-1]],
        "mode": "lines",
        "line": {"color": style.color, "dash": style.dash, "width": 2, "shape": "hv"},
        "hovertemplate": "%{fullData.name}<br>%{y:.0%} by step %{x:,.4~g}<extra></extra>",
    }


def _describe(survival: Survival) -> str:
    """Return a text such as "4 of 5 runs, mean 310 [250, 370] steps up to step 400"."""
    text = f"{survival.reached} of {survival.n} runs"
    if survival.mean is None:
        return text
    limits = "" if survival.mean_limits is None else " [{}, {}]".format(*map(format_count, survival.mean_limits))
    return f"{text}, mean {format_count(survival.mean)}{limits} steps up to step {format_count(survival.horizon)}"
