"""The results of drawing a panel: a Figure for plotly, or Html."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Trace = dict[str, Any]  # a trace of plotly.js


@dataclass(frozen=True)
class Figure:
    """A plot of the page, drawn by plotly.js.

    Args:
        title: the heading above the plot.
        traces: traces of plotly, with two additional keys: `series`, the label whose button in the legend hides the trace, and
            `xs`, which maps each x axis that the reader can choose to its values (absent if the trace has its own `x`).
        scale: scale of the y axis: "log", "linear", or "loss" (the reader chooses one of the two).
        x: the title of the figure's own logarithmic x axis; "" for the axis that the reader chooses.
        levels: values of y to mark with a horizontal line, each with its text.
        plane: the range of both axes if x and y are coordinates in a plane, otherwise None.
    """

    title: str
    traces: list[Trace]
    scale: str
    x: str = ""
    levels: list[tuple[float, str]] = field(default_factory=list)
    plane: tuple[float, float] | None = None


@dataclass(frozen=True)
class Html:
    """A panel of HTML.

    Args:
        title: the heading above it.
        html: the content; a `str` is escaped, `markupsafe.Markup` is inserted unchanged.
    """

    title: str
    html: str
