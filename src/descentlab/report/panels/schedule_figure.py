"""Draws schedules: in characters for a terminal, with plotly as a page of its own. It is given numbers, not schedules."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import zip_longest
from typing import Any

from descentlab.report.panels.view import COLORS

GUTTER = 6  # characters for the numbers of the y axis
POINTS = 2000  # at most about so many to a line of the page
ACROSS = 3  # panels of the page
# A braille character is 2 dots wide and 4 high; the bit of each dot, by row and column.
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


@dataclass(frozen=True)
class Curve:
    """What a schedule gives at each step of a run.

    Args:
        name: its heading.
        values: one a step.
        momentum: whether they are of the momentum; else they multiply the learning rate.
        settings: of the schedule, in words.
    """

    name: str
    values: Sequence[float]
    momentum: bool = False
    settings: str = ""

    @property
    def axis(self) -> tuple[float, float]:
        """The ends of the y axis: from 0 for multipliers; momenta differ by little."""
        low, high = min(self.values), max(self.values)
        return (low, high) if self.momentum and low < high else (0.0, max(1.0, high))

    @property
    def heading(self) -> str:
        quantity = "momentum" if self.momentum else "lr ×"
        return f"{self.name}: {quantity} {min(self.values):.3g} to {max(self.values):.3g}"


def terminal(curves: Sequence[Curve], width: int = 80) -> str:
    """`curves` in characters: one or two below each other with their settings, more in two columns.

    Args:
        width: in characters.
    """
    if len(curves) <= 2:
        return "\n\n".join("\n".join(_block(curve, width, rows=10, settings=True)) for curve in curves)
    blocks = [_block(curve, width // 2 - 1, rows=4, settings=False) for curve in curves]
    pairs = zip_longest(blocks[::2], blocks[1::2], fillvalue=[""] * len(blocks[0]))
    return "\n\n".join("\n".join(f"{a:{width // 2 + 1}}{b}".rstrip() for a, b in zip(*pair, strict=True)) for pair in pairs)


def _block(curve: Curve, width: int, rows: int, settings: bool) -> list[str]:
    """The lines of one drawing."""
    (low, high), across, steps = curve.axis, width - GUTTER - 1, len(curve.values)
    numbers = [f"{high:.3g}", *[""] * (rows - 2), f"{low:.3g}"]
    lines = zip(numbers, _braille(curve, across, rows), strict=True)
    drawn = [f"{number:>{GUTTER}}{'┤' if number else '│'}{line}" for number, line in lines]
    margin = " " * GUTTER
    said = textwrap.wrap(curve.settings, width) if settings else []
    return [curve.heading, *said, *drawn, f"{margin}└{'─' * across}", f"{margin} 0{f'{steps} steps':>{across - 1}}"]


def _braille(curve: Curve, width: int, rows: int) -> list[str]:
    """The line itself; whatever it passes within a column of dots is filled, so that a jump is a stroke."""
    (low, high), steps, columns = curve.axis, len(curve.values), 2 * width
    levels = [round((high - value) / (high - low) * (4 * rows - 1)) for value in curve.values]  # 0: the top
    cells = [[0] * width for _ in range(rows)]
    drawn = 1  # steps, up to the column before
    for column in range(columns):
        end = max(column * steps // columns + 1, (column + 1) * steps // columns)
        passed = levels[drawn - 1 : end]
        for level in range(min(passed), max(passed) + 1):
            cells[level // 4][column // 2] |= DOTS[level % 4][column % 2]
        drawn = end
    return ["".join(chr(0x2800 + cell) for cell in row) for row in cells]


def page(curves: Sequence[Curve]) -> str:
    """A page that needs nothing else: one panel a curve."""
    from plotly.graph_objects import Figure, Scatter
    from plotly.subplots import make_subplots

    across = min(ACROSS, len(curves))
    down = -(-len(curves) // across)
    space: dict[str, Any] = {"vertical_spacing": 0.46 / down, "horizontal_spacing": 0.12 / across}
    figure: Figure = make_subplots(down, across, subplot_titles=[_title(curve) for curve in curves], **space)
    for place, curve in enumerate(curves):
        where: dict[str, Any] = {"row": place // across + 1, "col": place % across + 1}
        steps = range(0, len(curve.values), max(1, len(curve.values) // POINTS))
        line = {"shape": "hv", "width": 2, "color": COLORS[curve.momentum]}
        look = {"mode": "lines", "line": line, "hovertemplate": "step %{x:,}: %{y:.4~g}<extra></extra>"}
        figure.add_trace(Scatter(x=list(steps), y=[curve.values[step] for step in steps], **look), **where)
        low, high = curve.axis
        figure.update_yaxes(range=[low - 0.04 * (high - low), high + 0.04 * (high - low)], **where)
        figure.update_xaxes(range=[0, len(curve.values)], title={"text": "step", "standoff": 2}, **where)
    look = {"template": "plotly_white", "showlegend": False, "margin": {"l": 60, "r": 30, "t": 90, "b": 60}}
    figure.update_layout(height=560 if down == 1 else 60 + 280 * down, **look)
    figure.update_annotations(font_size=14)
    return figure.to_html(include_plotlyjs=True, config={"displaylogo": False})


def _title(curve: Curve) -> str:
    settings = "<br>".join(map(escape, textwrap.wrap(curve.settings, 60)))
    return f"<b>{escape(curve.heading)}</b><br><span style='font-size:11px'>{settings}</span>"
