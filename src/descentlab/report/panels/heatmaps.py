"""Heatmaps of two swept numbers, such as learning rate and batch size: a plot for each optimizer and pair of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from descentlab.report.criterion import split_label
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.swept import Point, Swept, shares, short_name, swept
from descentlab.report.formats import format_number
from descentlab.report.tables.measures import UNDEFINED

ORDER = 83
COLUMNS, MAX_PLOTS = 2, 12
WIDE = 4  # plots with more columns of cells are not side by side, so that a phone shows their numbers
PLOT, BELOW, GAP = 150, 76, 0.2  # heights of a plot and below it in pixels; gap of columns as a fraction of the width
TOP, BOTTOM = 28, 50  # margins of all plots together, in pixels
LOST = "#6B7280"  # the colour of cells without a value
MIN_FILLED = 0.5  # the fraction of the cells of a grid that has values; less is no grid
NOTE = "Mean best {metric} of the best series in each cell: {better}. ★: selected; grey: no run completed."


@dataclass(frozen=True)
class Grid:
    """The cells of a plot.

    Attributes:
        swept: the optimizer.
        x: the key of the horizontal axis.
        y: the key of the vertical axis.
        cells: the best point with each pair of values.
    """

    swept: Swept
    x: str
    y: str
    cells: dict[tuple[float, float], Point]


def draw(data: PanelData) -> Figure | None:
    """Draw the panel if an optimizer has a grid of at least two values of each of two numbers."""
    grids = [grid for each in swept(data) for grid in _grids(each, data.comparison.mode)][:MAX_PLOTS]
    known = [point.best.mean for grid in grids for point in grid.cells.values() if point.best is not None]
    if not known:
        return None
    share = dict(zip(known, shares(known, data.comparison.mode), strict=True))
    traces: list[Trace] = []
    layout: dict[str, object] = {"annotations": []}
    columns = 1 if any(len(grid.swept.tried(grid.x)) > WIDE for grid in grids) else min(len(grids), COLUMNS)
    rows = -(-len(grids) // columns)
    for number, grid in enumerate(grids):
        id = "" if number == 0 else str(number + 1)
        traces += [each | {"xaxis": f"x{id}", "yaxis": f"y{id}"} for each in _traces(grid, share)]
        layout |= _axes(grid, number, rows, columns, id, layout["annotations"])
    metric = split_label(data.comparison, "valid", data.comparison.monitor)
    better = "bright is better" if data.comparison.mode == "max" else "bright (lower) is better"
    layout |= {"height": (PLOT + BELOW) * rows + TOP + BOTTOM - BELOW, "margin": {"l": 44, "r": 12, "t": TOP, "b": BOTTOM}}
    title = f"Best {metric} by two settings"
    note = NOTE.format(metric=metric, better=better)
    return Figure(title, traces, "linear", x_scale="category", layout=layout, note=note, summary=_summary(grids))


def _grids(found: Swept, mode: str) -> list[Grid]:
    """Return the first swept number against each other one, where at least half of the cells have been run."""
    grids: list[Grid] = []
    for at, key in enumerate(found.keys[1:], 1):
        cells: dict[tuple[float, float], Point] = {}
        for point in found.points:
            place = (point.values[0], point.values[at])
            cells[place] = _better(cells.get(place), point, mode)
        size = len(found.tried(found.keys[0])) * len(found.tried(key))
        if len(cells) >= max(4, MIN_FILLED * size):
            grids.append(Grid(found, found.keys[0], key, cells))
    return grids


def _better(first: Point | None, second: Point, mode: str) -> Point:
    """Return the point with the better mean; one without a diverged run precedes one with it, as in the ranking."""
    if first is None or second.is_selected:
        return second

    def rank(point: Point) -> tuple[bool, bool, float]:
        mean = 0.0 if point.best is None else point.best.mean
        return point.best is None, point.diverged > 0, mean if mode == "min" else -mean

    return first if first.is_selected or rank(first) <= rank(second) else second


def _traces(grid: Grid, share: dict[float, float]) -> list[Trace]:
    """Return the cells with a value, and those without one in grey."""
    xs, ys = grid.swept.tried(grid.x), grid.swept.tried(grid.y)
    rows = [[grid.cells.get((x, y)) for x in xs] for y in ys]
    z = [[None if point is None or point.best is None else share[point.best.mean] for point in row] for row in rows]
    lost = [[1 if point is not None and point.best is None else None for point in row] for row in rows]
    hover = [["" if point is None else point.text for point in row] for row in rows]
    text = [["" if point is None else _cell(point, len(xs)) for point in row] for row in rows]
    axes = {"x": [format_number(x) for x in xs], "y": [format_number(y) for y in ys]}
    common = {"type": "heatmap", "series": grid.swept.owner, **axes, "customdata": hover, "showscale": False}
    common |= {"hovertemplate": "%{customdata}<extra></extra>", "hoverongaps": False, "texttemplate": "%{text}"}
    common |= {"xgap": 2, "ygap": 2, "zmin": 0, "zmax": 1, "textfont": {"size": 11}}
    found: list[Trace] = [{**common, "z": z, "text": text, "colorscale": "Viridis"}]
    if not any(each for row in lost for each in row):
        return found
    grey = {"colorscale": [[0, LOST], [1, LOST]], "opacity": 0.6}
    return [*found, {**common, "z": lost, "text": _where(lost, text), **grey}]


def _where(shown: list[list[int | None]], text: list[list[str]]) -> list[list[str]]:
    """Return the texts of the cells that are shown, and "" for the others."""
    pairs = [zip(*rows, strict=True) for rows in zip(shown, text, strict=True)]
    return [[own if is_shown else "" for is_shown, own in row] for row in pairs]


def _cell(point: Point, columns: int) -> str:
    """Return the text of a cell: the mean, a star if it is selected, and the number of diverged runs."""
    diverged = f"{point.diverged}/{len(point.series.runs)} ✕" if point.diverged else ""
    if point.best is None:
        return diverged or UNDEFINED
    value = f"{point.best.mean:.3g}" if columns <= 6 else ""
    return "<br>".join(filter(None, ["★" if point.is_selected else "", value, diverged]))


def _axes(grid: Grid, number: int, rows: int, columns: int, id: str, notes: object) -> dict[str, object]:
    """Return the axes of a plot, and append its title to `notes`."""
    row, column = divmod(number, columns)
    width = (1 - GAP * (columns - 1)) / columns
    left = column * (width + GAP)
    height = (PLOT + BELOW) * rows - BELOW
    top = 1 - row * (PLOT + BELOW) / height
    bottom = max(0.0, top - PLOT / height)
    assert isinstance(notes, list)
    title = {
        "text": f"<b>{grid.swept.optimizer}</b>: {short_name(grid.y)}",
        "xref": "paper",
        "yref": "paper",
        "x": left,
        "y": top,
    }
    notes.append(title | {"xanchor": "left", "yanchor": "bottom", "xshift": -34, "showarrow": False})
    common = {"type": "category", "showgrid": False, "ticks": ""}
    below = {"text": short_name(grid.x), "standoff": 4, "font": {"size": 12}}
    x = common | {"domain": [left, left + width], "anchor": f"y{id}", "title": below}
    y = common | {"domain": [bottom, top], "anchor": f"x{id}"}
    return {f"xaxis{id}": x, f"yaxis{id}": y}


def _summary(grids: Sequence[Grid]) -> str:
    """Return the selected cells as text."""
    chosen = [(grid, place) for grid in grids for place, point in grid.cells.items() if point.is_selected]
    texts = [f"{each.swept.optimizer} at {short_name(each.x)} {x:g} and {short_name(each.y)} {y:g}" for each, (x, y) in chosen]
    return f"selected {'; '.join(texts)}" if texts else ""
