"""Drawings of schedules: with characters for the terminal, and as an HTML page. The input is numbers, not schedules."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from descentlab.report.drawing.style import COLORS

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

AXIS_WIDTH = 6  # width of the numbers of the y axis, in characters
MAX_POINTS = 2000  # approximate maximum number of points per line of the page
COLUMNS = 3  # plots in a row of the page
# A braille character is 2 dots wide and 4 dots high; the bit of each dot, by row and column.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@dataclass(frozen=True)
class ScheduleCurve:
    """The values of a schedule over a run.

    Args:
        name: the heading.
        values: one value per step.
        momentum: True if the values are momenta, False if they are multipliers of the learning rate.
        settings: the settings of the schedule, as text.
    """

    name: str
    values: Sequence[float]
    momentum: bool = False
    settings: str = ""

    @property
    def limits(self) -> tuple[float, float]:
        """The limits of the y axis. Multipliers start at 0; momenta do not, because they differ by little."""
        low, high = min(self.values), max(self.values)
        return (low, high) if self.momentum and low < high else (0.0, max(1.0, high))

    @property
    def heading(self) -> str:
        quantity = "momentum" if self.momentum else "lr ×"
        return f"{self.name}: {quantity} {min(self.values):.2g} to {max(self.values):.2g}"


def terminal(curves: Sequence[ScheduleCurve], width: int = 80) -> str:
    """Return drawings with characters: one or two curves one below the other with their settings, more in two columns.

    Args:
        curves: the curves to draw.
        width: width of the whole drawing, in characters.
    """
    if len(curves) <= 2:
        return "\n\n".join("\n".join(_block(curve, width, rows=10, settings=True)) for curve in curves)
    blocks = [_block(curve, width // 2 - 1, rows=4, settings=False) for curve in curves]
    pairs = zip_longest(blocks[::2], blocks[1::2], fillvalue=[""] * len(blocks[0]))
    return "\n\n".join("\n".join(f"{a:{width // 2 + 1}}{b}".rstrip() for a, b in zip(*pair, strict=True)) for pair in pairs)


def _block(curve: ScheduleCurve, width: int, rows: int, settings: bool) -> list[str]:
    """Return the lines of one drawing: heading, settings, plot, x axis."""
    (low, high), plot_width, steps = curve.limits, width - AXIS_WIDTH - 1, len(curve.values)
    numbers = [f"{high:.3g}", *[""] * (rows - 2), f"{low:.3g}"]
    lines = zip(numbers, _braille(curve, plot_width, rows), strict=True)
    plot = [f"{number:>{AXIS_WIDTH}}{'┤' if number else '│'}{line}" for number, line in lines]
    margin = " " * AXIS_WIDTH
    settings_lines = textwrap.wrap(curve.settings, width) if settings else []
    x_axis = [f"{margin}└{'─' * plot_width}", f"{margin} 0{f'{steps} steps':>{plot_width - 1}}"]
    return [curve.heading, *settings_lines, *plot, *x_axis]


def _braille(curve: ScheduleCurve, width: int, rows: int) -> list[str]:
    """Draw the line with braille characters.

    In each column of dots, all levels between the lowest and the highest value are filled, so that a jump is a vertical line.
    """
    (low, high), steps, columns = curve.limits, len(curve.values), 2 * width
    levels = [round((high - value) / (high - low) * (4 * rows - 1)) for value in curve.values]  # 0: the top
    cells = [[0] * width for _ in range(rows)]
    previous = 1  # the number of steps drawn up to the previous column
    for column in range(columns):
        end = max(column * steps // columns + 1, (column + 1) * steps // columns)
        passed = levels[previous - 1 : end]
        for level in range(min(passed), max(passed) + 1):
            cells[level // 4][column // 2] |= DOTS[level % 4][column % 2]
        previous = end
    return ["".join(chr(0x2800 + cell) for cell in row) for row in cells]


def page(curves: Sequence[ScheduleCurve]) -> str:
    """Return a self-contained HTML page with one plot per curve."""
    from plotly.subplots import make_subplots

    columns = min(COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    spacing: dict[str, Any] = {"vertical_spacing": 0.46 / rows, "horizontal_spacing": 0.12 / columns}
    figure: Figure = make_subplots(rows, columns, subplot_titles=[_title(curve) for curve in curves], **spacing)
    for index, curve in enumerate(curves):
        _add_plot(figure, curve, row=index // columns + 1, col=index % columns + 1)
    layout = {"template": "plotly_white", "showlegend": False, "margin": {"l": 60, "r": 30, "t": 90, "b": 60}}
    figure.update_layout(height=560 if rows == 1 else 60 + 280 * rows, **layout)
    figure.update_annotations(font_size=14)
    return figure.to_html(include_plotlyjs=True, config={"displaylogo": False})


def _add_plot(figure: Figure, curve: ScheduleCurve, row: int, col: int) -> None:
    from plotly.graph_objects import Scatter

    subplot: dict[str, Any] = {"row": row, "col": col}
    steps = range(0, len(curve.values), max(1, len(curve.values) // MAX_POINTS))
    line = {"shape": "hv", "width": 2, "color": COLORS[curve.momentum]}
    style = {"mode": "lines", "line": line, "hovertemplate": "step %{x:,}: %{y:.4~g}<extra></extra>"}
    figure.add_trace(Scatter(x=list(steps), y=[curve.values[step] for step in steps], **style), **subplot)
    low, high = curve.limits
    figure.update_yaxes(range=[low - 0.04 * (high - low), high + 0.04 * (high - low)], **subplot)
    figure.update_xaxes(range=[0, len(curve.values)], title={"text": "step", "standoff": 2}, **subplot)


def _title(curve: ScheduleCurve) -> str:
    settings = "<br>".join(map(escape, textwrap.wrap(curve.settings, 60)))
    return f"<b>{escape(curve.heading)}</b><br><span style='font-size:11px'>{settings}</span>"
