"""The panels of the page. A new one: write a function `View -> Panel | None` and add it to PANELS."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from descentlab.report.grid import UNDEFINED, number, text
from descentlab.report.load import Series, statuses
from descentlab.report.panels.view import Panel, Style, Trace, View
from descentlab.report.statistics.estimate import AXES, best_valid, curve, thinned
from descentlab.store.record import EXHIBITS, Record, Status, read_json

HOVER = "%{fullData.name}<br>%{x:,.4~g}, %{y:.4~g}<extra></extra>"
NO_LINE = {"line": {"width": 0}}


def panels(view: View, notes: list[str] | None = None) -> list[Panel]:
    """Return all panels that have something to show.

    Args:
        view: what they show.
        notes: receives a sentence for each panel that could not be drawn, which is left out.
    """
    drawn: list[Panel] = []
    for draw in PANELS:
        try:
            panel = draw(view)
        except Exception as error:  # of one panel, which costs neither the others nor the tables
            said = f"The panel {draw.__name__} could not be drawn: {type(error).__name__}: {error}."
            (notes if notes is not None else []).append(said)
        else:
            drawn += [] if panel is None else [panel]
    return drawn


def train_loss(view: View) -> Panel | None:
    return _curves(view, "train/loss", "Training loss", levels=_references(view, "train_loss"))


def valid_loss(view: View) -> Panel | None:
    if view.comparison.monitor == "loss":
        return None
    return _curves(view, "valid/loss", "Validation loss", levels=_references(view, "valid", "loss"))


def valid_metric(view: View) -> Panel | None:
    """The metric that ranks, with the target; an error or a loss ("min") may be drawn on a logarithmic axis."""
    metric, lower_is_better = view.comparison.monitor, view.comparison.mode == "min"
    levels = [(target, f"target {number(target)}") for target in view.comparison.targets]
    levels += _references(view, "valid", metric)
    scale = "loss" if lower_is_better else "linear"
    return _curves(view, f"valid/{metric}", f"Validation {metric}", scale, levels=levels)


def _references(view: View, *path: str) -> list[tuple[float, str]]:
    """What the baselines reach: summary["baseline"], down `path`."""
    found: dict[tuple[float, str], None] = {}
    for run in view.comparison.runs:
        value: Any = run.summary.get("baseline") or {}
        name = value.get("name")
        for key in path:
            value = (value or {}).get(key)
        if value is not None:
            found[float(value), f"{name} {number(value)}"] = None
    return list(found)


def learning_rate(view: View) -> Panel | None:
    """Logarithmic if the rates lie far apart, or are all the same."""
    panel = _curves(view, "train/lr", "Learning rate", "linear", framed=False)
    rates = [] if panel is None else [rate for trace in panel.traces for rate in trace["y"]]
    if panel is None or min(rates) <= 0 or min(rates) < max(rates) < 10 * min(rates):
        return panel
    return Panel(panel.title, panel.traces, "log")


def gradient_norm(view: View) -> Panel | None:
    return _curves(view, "train/grad_norm", "Gradient norm")


def update_norm(view: View) -> Panel | None:
    """How far a step goes: what the optimizer makes of gradient and learning rate."""
    return _curves(view, "train/update_norm", "Size of the update")


def sensitivity(view: View) -> Panel | None:
    """The best series at each learning rate, a line an optimizer; only if some optimizer has two rates."""
    found: dict[str, dict[float, Series]] = {}
    for one in reversed(view.series):  # the better ones last: they overwrite
        rate = one.settings.get("optimizer.lr")
        if isinstance(rate, int | float) and rate > 0:
            found.setdefault(one.optimizer, {})[float(rate)] = one
    lines = [_rates(by_rate, view) for by_rate in found.values()]
    values = [y for line in lines for y in line["y"]]
    if not values or all(len(by_rate) < 2 for by_rate in found.values()):
        return None
    lower_is_better = view.comparison.mode == "min"
    worst = max(values) if lower_is_better else min(values)
    marks = [_without_result(by_rate, worst, view) for by_rate in found.values()]
    scale = "loss" if lower_is_better and min(values) > 0 else "linear"
    title = f"Best validation {view.comparison.monitor} by learning rate"
    return Panel(title, [trace for trace in [*lines, *marks] if trace["x"]], scale, x="learning rate")


def _rates(by_rate: dict[float, Series], view: View) -> Trace:
    known = [(rate, one, best) for rate, one in sorted(by_rate.items()) if (best := best_valid(one))]
    trace: Trace = {"type": "scatter", "mode": "lines+markers", "hovertemplate": "%{text}<extra></extra>"}
    trace |= {"x": [rate for rate, _, _ in known], "y": [best.mean for _, _, best in known]}
    trace["text"] = [f"{one.label}: {text(best, number)}, n = {best.n}" for _, one, best in known]
    trace["error_y"] = {"array": [best.half_width or 0.0 for _, _, best in known], "thickness": 1, "width": 3}
    return trace | {"line": {"color": view.styles[next(iter(by_rate.values())).label].color}}


def _without_result(by_rate: dict[float, Series], y: float, view: View) -> Trace:
    """Marks for the rates at which no run completed, or the metric is undefined, at the height `y`."""
    lost = {rate: one for rate, one in by_rate.items() if best_valid(one) is None}
    trace: Trace = {"type": "scatter", "mode": "markers", "hovertemplate": "%{text}<extra></extra>"}
    trace |= {"x": list(lost), "y": [y] * len(lost)}
    trace["text"] = [f"{one.label}: {UNDEFINED if one.completed else statuses(one.runs)}" for one in lost.values()]
    return trace | {"marker": {"symbol": "x", "size": 9, "color": [view.styles[one.label].color for one in lost.values()]}}


def ways(view: View) -> Panel | None:
    """Where each run's point went on the surface of a test function; of several seeds, the first."""
    folders = [run.folder / EXHIBITS / "surface.json" for run in view.comparison.runs]
    found = next((read_json(path) for path in folders if path.exists()), None)
    if found is None:
        return None
    axis, minima = found["axis"], found["minima"]
    plain = {
        "showscale": False,
        "hoverinfo": "skip",
        "ncontours": 24,
        "contours": {"coloring": "heatmap"},
        "line": {"width": 0.5},
    }
    surface = {
        "type": "contour",
        "x": axis,
        "y": axis,
        "z": found["height"],
        "colorscale": "Greys",
        "reversescale": True,
        **plain,
    }
    star = {"mode": "markers", "marker": {"symbol": "star", "size": 11, "color": "#111111"}, "hoverinfo": "skip"}
    traces: list[Trace] = [{**surface, "opacity": 0.55}]
    for one in view.series:
        rows = view.frames[one.runs[0].id].drop_nulls(["train/x", "train/y"])
        line = {"color": view.styles[one.label].color, "dash": view.styles[one.label].dash, "width": 2}
        way = {"type": "scatter", "mode": "lines+markers", "marker": {"size": 3}, "line": line, "series": one.label}
        text = [f"{one.label}, step {step}" for step in rows["step"]]
        traces.append(
            {**way, "x": rows["train/x"].to_list(), "y": rows["train/y"].to_list(), "text": text, "hoverinfo": "text"}
        )
    traces.append({"type": "scatter", "x": [x for x, _ in minima], "y": [y for _, y in minima], **star})
    return Panel("Ways on the surface (stars: minima)", traces, "linear", x="x", plane=(axis[0], axis[-1]))


PANELS: tuple[Callable[[View], Panel | None], ...] = (
    ways,
    train_loss,
    valid_loss,
    valid_metric,
    learning_rate,
    gradient_norm,
    update_norm,
    sensitivity,
)


def _curves(
    view: View, column: str, title: str, scale: str = "loss", *, levels: Sequence[tuple[float, str]] = (), framed: bool = True
) -> Panel | None:
    """A line a series: the mean of its completed runs. Runs that did not complete are drawn on their own."""
    means = {one.label: curve([view.frames[run.id] for run in one.completed], column) for one in view.series}
    frame = _frame(list(means.values())) if framed else Frame()
    bands, broken, lines = [], [], []
    for one in view.series:
        rows = thinned(means[one.label], view.points)
        bands += _band(one, rows, view.styles[one.label], frame if scale == "loss" else Frame())
        lines += _mean(one, rows, view.styles[one.label])
        for run in one.incomplete:
            rows = thinned(curve([view.frames[run.id]], column), view.points)
            broken += _broken(one, run, rows, view.styles[one.label], frame)
    traces = bands + broken + lines  # the order of drawing: means on top
    positive = all(y > 0 for trace in traces for y in trace["y"])
    return Panel(title, traces, scale if positive else "linear", levels=list(levels)) if traces else None


@dataclass(frozen=True)
class Frame:
    """What a panel shows of runs that leave it: none of y below `low` or above `high`; of bands, none below `floor`."""

    low: float = -math.inf
    high: float = math.inf
    floor: float = -math.inf


def _frame(means: Sequence[pl.DataFrame]) -> Frame:
    """The means' range and twice it on either side, so that a diverged run flattens no other; without means, no limit."""
    values = pl.concat([rows["y"] for rows in means])
    low, high = values.min(), values.max()
    if not isinstance(low, float) or not isinstance(high, float):
        return Frame()
    room = 2 * (high - low)
    # A t-interval may reach below zero, which a logarithmic axis cannot show.
    return Frame(low - room, high + room, low / 2 if low > 0 else -math.inf)


def _mean(one: Series, rows: pl.DataFrame, style: Style) -> list[Trace]:
    if rows.is_empty():
        return []
    n = len(one.completed)
    name = f"{one.label}, mean of {n}" if n > 1 else one.label
    return [_trace(one, rows, rows["y"], style, name=name, mode="lines" if rows.height > 1 else "markers")]


def _band(one: Series, rows: pl.DataFrame, style: Style, frame: Frame) -> list[Trace]:
    """The 95 % interval, as an outline: along the upper edge, back along the lower one."""
    rows = rows.drop_nulls("half_width")
    if rows.is_empty():
        return []
    upper = rows["y"] + rows["half_width"]
    lower = (rows["y"] - rows["half_width"]).clip(lower_bound=frame.floor)
    fill = {"fill": "toself", "fillcolor": f"{style.color}1f", "hoverinfo": "skip"}  # 1f: an opacity of 12 %
    return [_trace(one, pl.concat([rows, rows.reverse()]), pl.concat([upper, lower.reverse()]), style, **fill) | NO_LINE]


def _broken(one: Series, run: Record, rows: pl.DataFrame, style: Style, frame: Frame) -> list[Trace]:
    """A run that did not complete, up to where it leaves the frame, and a mark at its end."""
    if rows.is_empty():
        return []
    outside = ((rows["y"] > frame.high) | (rows["y"] < frame.low)).arg_true()
    shown = rows.head(outside[0] + 1) if len(outside) else rows
    y = shown["y"].clip(frame.low, frame.high)
    ended = run.summary.get("diverged_step") or f"{rows['step'][-1]:g}"
    name = f"{one.label}, seed {run.config.get('seed')}: {run.status} at step {ended}"
    symbol = "x" if run.status is Status.DIVERGED else "circle-open"
    mark = {"mode": "markers", "marker": {"symbol": symbol, "size": 9, "color": style.color}}
    line = _trace(one, shown, y, style, name=name, opacity=0.6)
    return [line, _trace(one, shown.tail(1), y.tail(1), style, name=name) | mark]


def _trace(one: Series, rows: pl.DataFrame, y: pl.Series, style: Style, **more: Any) -> Trace:
    xs = {axis: rows[axis].to_list() for axis in AXES}
    look = {"line": {"color": style.color, "dash": style.dash, "width": 2}, "mode": "lines", "hovertemplate": HOVER}
    return {"type": "scatter", "series": one.label, "name": one.label, "xs": xs, "y": y.to_list(), **look, **more}
