"""Sensitivity to the learning rate: the best series at each learning rate, with a line per optimizer."""

from __future__ import annotations

from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.formats import format_estimate, format_number
from descentlab.report.series import Series, format_statuses
from descentlab.report.statistics.estimate import best_valid
from descentlab.report.statistics.ranking import ranked_series
from descentlab.report.tables.measures import UNDEFINED

ORDER = 80
HOVER = {"type": "scatter", "hovertemplate": "%{text}<extra></extra>"}

Rates = dict[float, Series]  # the best series at each learning rate


def draw(data: PanelData) -> Figure | None:
    """Draw the panel if an optimizer was run with at least two learning rates."""
    rates = best_by_rate(data)
    lines = [_line(by_rate, data) for by_rate in rates.values()]
    values = [y for line in lines for y in line["y"]]
    if not values or all(len(by_rate) < 2 for by_rate in rates.values()):
        return None
    lower_is_better = data.comparison.mode == "min"
    worst = max(values) if lower_is_better else min(values)
    marks = [_marks(by_rate, worst, data) for by_rate in rates.values()]
    scale = "loss" if lower_is_better and min(values) > 0 else "linear"
    title = f"Best validation {data.comparison.monitor} by learning rate"
    return Figure(title, [trace for trace in [*lines, *marks] if trace["x"]], scale, x="learning rate")


def best_by_rate(data: PanelData) -> dict[str, Rates]:
    """Return the best series at each learning rate, by optimizer."""
    ranked = [*ranked_series(data.comparison.trials, data.comparison), *data.series]
    found: dict[str, Rates] = {}
    for one in reversed(ranked):  # better series come later and overwrite
        rate = one.settings.get("optimizer.lr")
        if isinstance(rate, int | float) and rate > 0:
            found.setdefault(one.optimizer, {})[float(rate)] = one
    return found


def _line(by_rate: Rates, data: PanelData) -> Trace:
    metric = data.comparison.monitor
    known = [(rate, one, best) for rate, one in sorted(by_rate.items()) if (best := best_valid(one, metric))]
    above = [0.0 if best.high is None else best.high - best.mean for _, _, best in known]
    below = [0.0 if best.low is None else best.mean - best.low for _, _, best in known]
    return {
        **HOVER,
        "mode": "lines+markers",
        "x": [rate for rate, _, _ in known],
        "y": [best.mean for _, _, best in known],
        "text": [f"{one.label}: {format_estimate(best, format_number)}, n = {best.n}" for _, one, best in known],
        "error_y": {"symmetric": False, "array": above, "arrayminus": below, "thickness": 1, "width": 3},
        "line": {"color": _color(next(iter(by_rate.values())), data)},
    }


def _marks(by_rate: Rates, y: float, data: PanelData) -> Trace:
    """Mark, at the height `y`, the rates at which no run completed or the metric is undefined."""
    missing = {rate: one for rate, one in by_rate.items() if best_valid(one) is None}
    colors = [_color(one, data) for one in missing.values()]
    return {
        **HOVER,
        "mode": "markers",
        "x": list(missing),
        "y": [y] * len(missing),
        "text": [f"{one.label}: {UNDEFINED if one.completed else format_statuses(one.runs)}" for one in missing.values()],
        "marker": {"symbol": "x", "size": 9, "color": colors},
    }


def _color(series: Series, data: PanelData) -> str:
    """Return the colour of the series' optimizer; trials have the colour of the selected runs."""
    return next(data.styles[one.label].color for one in data.series if one.optimizer == series.optimizer)
