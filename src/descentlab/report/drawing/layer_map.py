"""Heatmaps of a quantity of each layer over the steps: a plot for each optimizer, of a run at its selected settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descentlab.report.answer import Entry
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.formats import format_number
from descentlab.store.record import Record

MAX_PLOTS = 6  # optimizers, the best first
MAX_COLUMNS = 160  # of cells; more measured steps are averaged
CELL, LEAST, MOST, BETWEEN, TOP, BOTTOM = 15, 60, 520, 52, 26, 48  # heights in pixels: of a layer, of a plot, of the gaps
LABEL = 13  # height of the name of a layer, in pixels
LONGEST = 24  # characters of the name of a layer
EMPTY = "Empty cells: zero, not finite or not measured."
FIRST = "Of several seeds, the first is drawn."

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Palette:
    """The colours of a quantity.

    Args:
        colors: the colour scale: plotly's name, or pairs of a place from 0 to 1 and a colour.
        is_log: the colour follows the logarithm of the value.
        middle: the value with the colour in the middle of the scale; None: the middle of the range.
        limits: the values at the ends of the scale; None: the range of the values.
        decades: the greatest length of a logarithmic scale; values below it have the colour of its lower end.
    """

    colors: str | Sequence[tuple[float, str]] = "Viridis"
    is_log: bool = True
    middle: float | None = None
    limits: tuple[float, float] | None = None
    decades: float = 12


@dataclass(frozen=True)
class LayerMap:
    """The values of one run.

    Args:
        entry: the optimizer.
        steps: (m,) ascending; the middle of each column.
        layers: the names of the n modules, in the order of the model.
        values: (n, m), as they are coloured: logarithms to base 10 if the palette is logarithmic; NaN where there is none.
    """

    entry: Entry
    steps: list[float]
    layers: list[str]
    values: Values


def layer_figure(data: PanelData, column: str, title: str, note: str, palette: Palette = Palette()) -> Figure | None:
    """Draw a quantity of the layers; layers are in the order of the model, the first one at the top.

    Instead of layers, the rows may be numbers as text, such as the bins of a distribution; the largest one is then at the top.

    Args:
        data: the runs; files about layers are read only of those that are drawn.
        column: the quantity, a column of layers.parquet.
        title: the heading.
        note: a sentence that tells how to read the plots.
        palette: its colours.

    Returns:
        None if no run that could be drawn has the quantity.
    """
    found = (_layer_map(data, entry, column, palette) for entry in data.answer.entries)
    maps = list(islice((one for one in found if one is not None), MAX_PLOTS))
    if not maps:
        return None
    several = len(maps) > 1 or any(len(each.entry.series.runs) > 1 for each in maps)
    layout = _layout(maps) | {"coloraxis": _color_axis(maps, palette)}
    traces = [_trace(each, number, palette) for number, each in enumerate(maps)]
    has_gaps = any(np.isnan(each.values).any() for each in maps)
    text = " ".join([note, *([FIRST] if several else []), *([EMPTY] if has_gaps else [])])
    return Figure(title, traces, "linear", x_scale="linear", layout=layout, note=text, summary=_summary(maps, palette))


def drawn_run(entry: Entry) -> Record:
    """Return the run of an entry that heatmaps show: the first completed one, or the first one."""
    return (entry.series.completed or entry.series.runs)[0]


def _layer_map(data: PanelData, entry: Entry, column: str, palette: Palette) -> LayerMap | None:
    rows = data.layers(drawn_run(entry))
    if not {"step", "layer", column} <= set(rows.columns):
        return None
    rows = rows.select("step", "layer", column).drop_nulls()
    if rows.is_empty():
        return None
    layers = _ordered(list(dict.fromkeys(rows["layer"])))
    steps, at = np.unique(rows["step"].to_numpy(), return_inverse=True)
    values = np.full((len(layers), len(steps)), np.nan)
    numbers = {layer: number for number, layer in enumerate(layers)}
    values[[numbers[layer] for layer in rows["layer"]], at] = rows[column].to_numpy()
    shown, means = _thinned(steps.astype(float), _scaled(values, palette))
    return LayerMap(entry, shown, layers, means)


def _ordered(layers: list[str]) -> list[str]:
    """Return the names in their order; numbers, such as the bins of a distribution, from the largest to the smallest."""
    try:
        return sorted(layers, key=float, reverse=True)
    except ValueError:
        return layers


def _scaled(values: Values, palette: Palette) -> Values:
    """Return the values as they are coloured; NaN for those that are not finite or have no logarithm."""
    known = np.isfinite(values) & (values > 0 if palette.is_log else True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(known, np.log10(values) if palette.is_log else values, np.nan)


def _thinned(steps: Values, values: Values) -> tuple[list[float], Values]:
    """Return at most MAX_COLUMNS columns: each is the mean over equally many neighbouring steps, without the unknown values."""
    parts = np.array_split(np.arange(len(steps)), min(MAX_COLUMNS, len(steps)))
    known = ~np.isnan(values)
    sums = np.stack([np.where(known[:, part], values[:, part], 0.0).sum(axis=1) for part in parts], axis=1)
    counts = np.stack([known[:, part].sum(axis=1) for part in parts], axis=1)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return [float(steps[part].mean()) for part in parts], means


def _trace(one: LayerMap, number: int, palette: Palette) -> Trace:
    id = "" if number == 0 else str(number + 1)
    value = "10<sup>%{z:.2f}</sup>" if palette.is_log else "%{z:.3g}"
    return {
        "type": "heatmap",
        "series": one.entry.series.label,
        "x": one.steps,
        "y": _short(one.layers),
        "z": [[None if np.isnan(value) else round(float(value), 3) for value in row] for row in one.values],
        "coloraxis": "coloraxis",
        "hovertemplate": f"%{{y}}, step %{{x:,.0f}}: {value}<extra></extra>",
        "hoverongaps": False,
        "xaxis": f"x{id}",
        "yaxis": f"y{id}",
    }


def _short(layers: Sequence[str]) -> list[str]:
    """Return the names without their beginnings where they are long, unless two of them would be equal."""
    short = [name if len(name) <= LONGEST else f"…{name[1 - LONGEST :]}" for name in layers]
    return short if len(set(short)) == len(short) else list(layers)


def _layout(maps: Sequence[LayerMap]) -> dict[str, object]:
    """Return the axes of the plots, one below the other, and their titles."""
    sizes = [min(MOST, max(LEAST, CELL * len(each.layers))) for each in maps]
    inner = sum(sizes) + BETWEEN * (len(maps) - 1)
    layout: dict[str, object] = {"height": inner + TOP + BOTTOM, "margin": {"l": 44, "r": 8, "t": TOP, "b": BOTTOM}}
    notes: list[object] = []
    ends = [min(one.steps[0] for one in maps), max(one.steps[-1] for one in maps)]
    starts = accumulate((size + BETWEEN for size in sizes[:-1]), initial=0)
    for number, (one, size, start) in enumerate(zip(maps, sizes, starts, strict=True)):
        id = "" if number == 0 else str(number + 1)
        top, bottom = 1 - start / inner, max(0.0, 1 - (start + size) / inner)
        title = {"text": "step", "font": {"size": 12}} if number == len(maps) - 1 else {}
        x = {"anchor": f"y{id}", "title": title, "showgrid": False, "exponentformat": "SI"}
        layout[f"xaxis{id}"] = x | ({"range": ends} if ends[0] < ends[1] else {})
        y = {"type": "category", "domain": [bottom, top], "anchor": f"x{id}", "showgrid": False}
        y |= {
            "categoryarray": _short(one.layers),
            "range": [len(one.layers) - 0.5, -0.5],
        }  # known also while the plot is hidden
        layout[f"yaxis{id}"] = y | {"dtick": -(-len(one.layers) * LABEL // size), "ticks": "", "tickfont": {"size": 11}}
        place = {"xref": "paper", "yref": "paper", "x": 0, "y": top, "xanchor": "left", "yanchor": "bottom"}
        notes.append({"text": f"<b>{one.entry.name}</b>", **place, "showarrow": False})
    return layout | ({"annotations": notes} if len(maps) > 1 else {})


def _color_axis(maps: Sequence[LayerMap], palette: Palette) -> Mapping[str, Any]:
    """Return the colour scale that the plots share."""
    low, high = _range(maps, palette)
    bar: dict[str, Any] = {"thickness": 10, "outlinewidth": 0, "len": 1, "tickfont": {"size": 11}}
    if palette.is_log:
        step = max(1, round((high - low) / 5))
        ticks = list(range(int(np.ceil(low - 1e-9)), int(np.floor(high + 1e-9)) + 1, step))
        powers = {"tickvals": ticks, "ticktext": [f"10<sup>{tick}</sup>" for tick in ticks]}
        bar |= powers if len(ticks) > 1 else _two_ticks(low, high)
    return {"colorscale": palette.colors, "cmin": low, "cmax": high, "colorbar": bar}


def _two_ticks(low: float, high: float) -> dict[str, Any]:
    """Return ticks at the ends of a logarithmic scale that contains fewer than two powers of ten."""
    return {"tickvals": [low, high], "ticktext": [f"{10**low:.2g}", f"{10**high:.2g}"]}


def _range(maps: Sequence[LayerMap], palette: Palette) -> tuple[float, float]:
    """Return the ends of the colour scale; around `middle` both halves are equally long."""
    if palette.limits is not None:
        return palette.limits
    known = np.concatenate([each.values[~np.isnan(each.values)] for each in maps])
    if not len(known):
        return 0.0, 1.0
    low, high = float(known.min()), float(known.max())
    if palette.is_log:
        low = max(low, high - palette.decades)
    if palette.middle is not None:
        middle = float(np.log10(palette.middle)) if palette.is_log else palette.middle
        half = min(max(high - middle, middle - low, 0.5), palette.decades / 2)
        return middle - half, middle + half
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _summary(maps: Sequence[LayerMap], palette: Palette) -> str:
    """Return the last values of the layers with the least and the greatest one, as text."""
    texts: list[str] = []
    for one in maps:
        last = one.values[:, -1]
        if np.isnan(last).all():
            continue
        ends = [(one.layers[at], last[at]) for at in (int(np.nanargmin(last)), int(np.nanargmax(last)))]
        shown = [f"{format_number(10**value if palette.is_log else value)} in {layer}" for layer, value in ends]
        texts.append(f"at the end of {one.entry.name} from {' to '.join(shown)}")
    return "; ".join(texts)
