"""Paired differences: for each compared pair of optimizers the difference of every seed, and the mean with its interval."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.answer import Pair
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.formats import format_number
from descentlab.report.relation import format_difference
from descentlab.report.selection import values_by_seed
from descentlab.report.statistics.difference import Paired

ORDER = 42
HEIGHT, ROW, MAX_ROW = 260, 58, 84  # of all pairs, if they fit; least and greatest of a pair, in pixels
CIRCLES, BAR = -0.08, -0.3  # of a row, relative to its middle; the name is at its top
MARGIN_COLOR = "#6B728033"
GREY = "#6B7280"
NOTE = "Circles: seeds; bar: their mean with its interval; grey: practically zero. Right of 0, {first}."


def draw(data: PanelData) -> Figure | None:
    """Draw the panel if the difference of a pair was tested."""
    pairs = [pair for pair in data.answer.pairs if pair.difference is not None]
    if not pairs:
        return None
    rows = [*enumerate(reversed(pairs))]  # the first pair at the top
    traces = [trace for y, pair in rows for trace in _traces(pair, y, data)]
    title = f"Differences in {data.answer.by.label}, seed by seed"
    common = {pair.other.name for pair in pairs}, {pair.entry.name for pair in pairs}
    first = "the optimizer named first is better" if min(map(len, common)) > 1 or len(pairs) == 1 else _better(common)
    summary = "; ".join(f"{_name(pair)} {format_difference(pair.difference)}" for pair in pairs if pair.difference)
    return Figure(
        title,
        traces,
        "linear",
        x="difference (positive: better)",
        x_scale="linear",
        layout=_layout(rows),
        note=NOTE.format(first=first),
        summary=summary,
    )


def _better(names: tuple[set[str], set[str]]) -> str:
    others, entries = names
    return f"{next(iter(entries))} is better" if len(entries) == 1 else f"an optimizer is better than {next(iter(others))}"


def _name(pair: Pair) -> str:
    return f"{pair.entry.name} compared with {pair.other.name}"


def _layout(rows: Sequence[tuple[int, Pair]]) -> dict[str, object]:
    """Return the rows of the y axis, the line at 0, and the margin of each pair."""
    shapes: list[dict[str, object]] = [
        {"type": "rect", "x0": -pair.conclusion.margin, "x1": pair.conclusion.margin, "y0": y - 0.46, "y1": y + 0.08}
        | {"fillcolor": MARGIN_COLOR, "line": {"width": 0}, "layer": "below"}
        for y, pair in rows
        if pair.conclusion is not None
    ]
    line = {"type": "line", "x0": 0, "x1": 0, "line": {"color": GREY, "width": 1}}
    zero = [{**line, "y0": y - 0.46, "y1": y + 0.08} for y, _ in rows]
    left = {"xref": "paper", "x": 0, "xanchor": "left", "yanchor": "top", "showarrow": False}
    names = [{**left, "y": y + 0.5, "text": _name(pair)} for y, pair in rows]
    y = {"range": [-0.5, len(rows) - 0.5], "showgrid": False, "fixedrange": True, "showticklabels": False}
    margin = {"l": 12, "r": 12, "t": 6, "b": 44}
    sizes = {"height": 60 + min(MAX_ROW, max(ROW, HEIGHT // len(rows))) * len(rows), "margin": margin}
    return {"yaxis": y, "xaxis": {"nticks": 6}, "shapes": [*shapes, *zero], "annotations": names, **sizes}


def _traces(pair: Pair, y: int, data: PanelData) -> list[Trace]:
    """Return the differences of the seeds, above them the mean with its interval, in the colour of the first optimizer."""
    found = pair.difference
    assert found is not None
    color = data.styles[pair.entry.series.label].color
    ends = {"array": [found.high - found.difference], "arrayminus": [found.difference - found.low]}
    verdict = f"; {pair.conclusion.kind}" if pair.conclusion is not None else ""
    text = f"{_name(pair)}: {format_difference(found)}, n = {found.n}{verdict}"
    common = {"type": "scatter", "mode": "markers", "hovertemplate": "%{text}<extra></extra>"}
    marker = {"color": color, "symbol": "line-ns-open", "size": 13, "line": {"color": color, "width": 3}}
    mean: Trace = {**common, "x": [found.difference], "y": [y + BAR], "text": [text], "marker": marker}
    mean["error_x"] = {"symmetric": False, **ends, "thickness": 3, "width": 0, "color": color}
    by_seed = _by_seed(pair, data) if isinstance(found, Paired) else {}
    circles = {"color": color, "symbol": "circle-open", "size": 7, "line": {"width": 1.5}}
    places = {"x": list(by_seed.values()), "y": [y + CIRCLES] * len(by_seed), "text": list(by_seed)}
    return [mean, {**common, **places, "marker": circles}]


def _by_seed(pair: Pair, data: PanelData) -> dict[str, float]:
    """Return the difference over each shared seed, positive where the first is better, by a text for the pointer."""
    by = data.answer.by
    first, second = (values_by_seed(entry.series, by) for entry in (pair.entry, pair.other))
    sign = 1 if by.mode == "max" else -1
    found: dict[str, float] = {}
    for seed, value in first.items():
        other = second.get(seed)
        if value is not None and other is not None:
            number = seed.strip("[]").split(",")[0]
            gap = sign * (value - other)
            named = f"{pair.entry.name} {format_number(value)}, {pair.other.name} {format_number(other)}"
            found[f"seed {number}: {format_number(gap)} ({named})"] = gap
    return found
