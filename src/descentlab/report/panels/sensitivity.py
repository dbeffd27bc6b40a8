"""Sensitivity to the learning rate: the best series at each learning rate, with a line per optimizer.

The number shown is that by which optimizers are compared. If that is the monitored metric, it is its best value on validation
data, by which settings are selected, also where test values are compared: these are no basis for choosing a rate.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from descentlab.report.criterion import split_label
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.swept import RATE
from descentlab.report.formats import format_estimate, format_number
from descentlab.report.sceptic.edge import SIDES, is_on_edge
from descentlab.report.series import Series, format_statuses
from descentlab.report.statistics.estimate import Estimate, best_valid, estimate
from descentlab.report.statistics.ranking import ranked_series
from descentlab.report.tables.measures import UNDEFINED
from descentlab.report.tuned_ranges import ranges
from descentlab.store.record import Status

ORDER = 16
HOVER = {"type": "scatter", "hovertemplate": "%{text}<extra></extra>"}
STRIP = 0.07  # height of the strip of crosses at one edge, as a fraction of the plot
BAR_STEP, MAX_STRIP = 0.035, 0.3  # distance of the bars at the other edge, and their greatest height
DECADES = 2.5  # rates over more have ticks at powers of ten only
NOTE = "Ring: selected rate; whiskers: 95 % interval over seeds; ✕: a run diverged, or none has a value; bars: ranges searched."
INSIDE = "No selected rate is on the edge of its range."

Rates = dict[float, Series]  # the best series at each learning rate


def draw(data: PanelData) -> Figure | None:
    """Draw the panel if an optimizer was run with at least two learning rates."""
    rates = best_by_rate(data)
    lines = [_line(by_rate, data) for by_rate in rates.values()]
    values = [y for line in lines for y in line["y"]]
    if not values or all(len(by_rate) < 2 for by_rate in rates.values()):
        return None
    lower_is_better = _mode(data) == "min"
    rings = [ring for by_rate, line in zip(rates.values(), lines, strict=True) if (ring := _ring(by_rate, line, data))["x"]]
    marks = [_marks(by_rate, (index + 1) / (len(rates) + 1), data) for index, by_rate in enumerate(rates.values())]
    bars = _bars(data)
    scale = "loss" if lower_is_better and min(values) > 0 else "linear"
    traces = [trace for trace in [*lines, *rings, *marks, *bars] if trace["x"]]
    layout = _layout(lower_is_better, len(bars), [rate for by_rate in rates.values() for rate in by_rate])
    summary = "; ".join(_describe(name, by_rate, data) for name, by_rate in rates.items())
    title = f"{_name(data)} by learning rate"
    note = f"{_edges(data)} {NOTE}".lstrip()
    return Figure(title, traces, scale, x="learning rate", layout=layout, note=note, summary=summary)


def _edges(data: PanelData) -> str:
    """Return a sentence with the optimizers whose selected rate is on the edge of its range; "" if no range is known."""
    found = [(entry.name, each) for entry in data.answer.entries for each in ranges(entry) if each.key == RATE]
    ends = {side: [name for name, each in found if is_on_edge(each, side)] for side in SIDES}
    texts = [f"the {SIDES[side]} end of its range: {', '.join(names)}" for side, names in ends.items() if names]
    return f"Selected rate at {'; at '.join(texts)}." if texts else INSIDE if found else ""


def _layout(lower_is_better: bool, bars: int, rates: Sequence[float]) -> dict[str, Any]:
    """Return the axes: values between a strip of crosses at the worse edge and one of bars at the better edge.

    The strips have their own axes, y3 and y2. The three do not overlap, because only the uppermost would react to the pointer.
    """
    strips = STRIP, min(MAX_STRIP, BAR_STEP * (bars + 1))
    low, high = reversed(strips) if lower_is_better else strips
    bottom, top = {"domain": [0, low]}, {"domain": [1 - high, 1]}
    edges = {"range": [0, 1], "visible": False, "fixedrange": True}
    axes = {"yaxis2": edges | (bottom if lower_is_better else top), "yaxis3": edges | (top if lower_is_better else bottom)}
    wide = max(rates) > 10**DECADES * min(rates)
    x = {"anchor": "free", "position": 0, **({"dtick": 1} if wide else {})}
    return {"yaxis": {"domain": [low, 1 - high]}, **axes, "xaxis": x, "plot_bgcolor": "rgba(0,0,0,0)"}


def best_by_rate(data: PanelData) -> dict[str, Rates]:
    """Return the best series at each learning rate, by optimizer."""
    ranked = [*ranked_series(data.comparison.trials, data.comparison), *data.series]
    found: dict[str, Rates] = {}
    for one in reversed(ranked):  # better series come later and overwrite
        rate = one.settings.get(RATE)
        if isinstance(rate, int | float) and rate > 0:
            found.setdefault(one.optimizer, {})[float(rate)] = one
    return found


def _is_monitored(data: PanelData) -> bool:
    return data.answer.by.metric == data.comparison.monitor


def _mode(data: PanelData) -> str:
    return data.comparison.mode if _is_monitored(data) else data.answer.mode


def _name(data: PanelData) -> str:
    if _is_monitored(data):
        return f"Best {split_label(data.comparison, 'valid', data.comparison.monitor)}"
    label = data.answer.by.label
    return label[0].upper() + label[1:]


def _value(series: Series, data: PanelData) -> Estimate | None:
    if _is_monitored(data):
        return best_valid(series, data.comparison.monitor)
    return estimate(map(data.answer.by.get, series.completed), data.answer.by.key)


def _line(by_rate: Rates, data: PanelData) -> Trace:
    known = [(rate, one, best) for rate, one in sorted(by_rate.items()) if (best := _value(one, data))]
    above = [None if best.high is None else best.high - best.mean for _, _, best in known]
    below = [None if best.low is None else best.mean - best.low for _, _, best in known]
    first = next(iter(by_rate.values()))
    return {
        **HOVER,
        "series": _owner(first, data),
        "mode": "lines+markers",
        "x": [rate for rate, _, _ in known],
        "y": [best.mean for _, _, best in known],
        "text": [f"{one.label}: {format_estimate(best, format_number)}, n = {best.n}" for _, one, best in known],
        "error_y": {"symmetric": False, "array": above, "arrayminus": below, "thickness": 1, "width": 3},
        "line": {"color": _color(first, data)},
    }


def _selected_rates(optimizer: str, data: PanelData) -> list[float]:
    return [float(one.settings[RATE]) for one in data.selected if one.optimizer == optimizer and RATE in one.settings]


def _ring(by_rate: Rates, line: Trace, data: PanelData) -> Trace:
    """Return rings around the points of a line with the selected rates."""
    first = next(iter(by_rate.values()))
    chosen = _selected_rates(first.optimizer, data)
    at = [index for index, rate in enumerate(line["x"]) if rate in chosen]
    marker = {"symbol": "circle-open", "size": 15, "color": line["line"]["color"], "line": {"width": 2.5}}
    places = {key: [line[key][index] for index in at] for key in ("x", "y")}
    text = [f"selected: {line['text'][index]}" for index in at]
    return {**HOVER, "series": line["series"], "mode": "markers", **places, "text": text, "marker": marker}


def _marks(by_rate: Rates, y: float, data: PanelData) -> Trace:
    """Return crosses in the strip, at height `y`, at rates without a completed run or a value, or with a diverged run."""
    ended = {rate: one for rate, one in by_rate.items() if not any(run.status is Status.TRAINING for run in one.runs)}
    missing = {rate: one for rate, one in ended.items() if _value(one, data) is None or _has_diverged(one)}
    first = next(iter(by_rate.values()))
    return {
        **HOVER,
        "series": _owner(first, data),
        "mode": "markers",
        "x": list(missing),
        "y": [y] * len(missing),
        "yaxis": "y3",
        "text": [f"{one.label}: {_ended(one)}" for one in missing.values()],
        "marker": {"symbol": "x", "size": 9, "color": [_color(first, data)] * len(missing)},
    }


def _has_diverged(series: Series) -> bool:
    return any(run.status is Status.DIVERGED for run in series.runs)


def _ended(series: Series) -> str:
    return format_statuses(series.runs) if series.incomplete or not series.completed else UNDEFINED


def _bars(data: PanelData) -> list[Trace]:
    """Return the range of rates over which each optimizer was tuned, as a bar in the strip at the edge of the better values."""
    found = {
        entry.series.optimizer: (entry, each) for entry in data.answer.entries for each in ranges(entry) if each.key == RATE
    }
    bars: list[Trace] = []
    for index, (optimizer, (entry, own)) in enumerate(found.items()):
        height = (index + 1) / (len(found) + 1)
        text = f"{optimizer}: searched from {own.low:g} to {own.high:g}, selected {own.selected:g}"
        line = {"color": _color(entry.series, data), "width": 4}
        place = {"x": [own.low, own.high], "y": [1 - height] * 2, "yaxis": "y2"}
        shared = {**HOVER, "series": _owner(entry.series, data), "mode": "lines", "opacity": 0.5}
        bars.append({**shared, **place, "text": [text, text], "line": line})
    return bars


def _describe(name: str, by_rate: Rates, data: PanelData) -> str:
    """Return a text such as "adam from 0.001 to 10, selected 0.01"."""
    chosen = ", ".join(dict.fromkeys(f"{rate:g}" for rate in _selected_rates(name, data)))
    lost = [f"{rate:g}" for rate, one in sorted(by_rate.items()) if _has_diverged(one)]
    diverged = f", diverged at {', '.join(lost)}" if lost else ""
    return f"{name} from {min(by_rate):g} to {max(by_rate):g}, selected {chosen or 'none'}{diverged}"


def _owner(series: Series, data: PanelData) -> str:
    """Return the label of the selected series of the same optimizer, whose button in the legend hides its traces."""
    return next((one.label for one in data.selected if one.optimizer == series.optimizer), series.label)


def _color(series: Series, data: PanelData) -> str:
    """Return the colour of the series' optimizer; trials have the colour of the selected runs."""
    return next(data.styles[one.label].color for one in data.series if one.optimizer == series.optimizer)
