"""The results of drawing a panel: curves of runs, another plot, HTML, or several plots behind a fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

Trace = dict[str, Any]  # a trace of plotly.js
Level = tuple[float, str]  # a value of y to mark with a horizontal line, and its text


@dataclass(frozen=True)
class Figure:
    """A plot of the page, drawn by plotly.js.

    Args:
        title: the heading above the plot.
        traces: traces of plotly, with one additional key: `series`, the label of a series or the name of an entry. Its button
            in the legend hides the trace; the trace of a series that is not selected is faint or hidden, as the reader chooses.
            Colours are those of `Style.color`; on a dark page they are replaced by lighter ones.
        scale: scale of the y axis: "log", "linear", or "loss" (the reader chooses one of the two).
        x: the title of the x axis.
        x_scale: scale of the x axis: "log", "linear" or "category".
        y: the title of the y axis; "" for none.
        levels: values of y to mark with a horizontal line, each with its text.
        plane: the range of both axes if x and y are coordinates in a plane, otherwise None.
        layout: further keys of plotly's layout, which replace those of the page; the keys of an axis extend the page's axis.
        note: a sentence below the title that tells how to read the plot.
        summary: the main numbers of the plot as text, for readers who do not see it.
    """

    title: str
    traces: list[Trace]
    scale: str
    x: str = ""
    x_scale: str = "log"
    y: str = ""
    levels: list[Level] = field(default_factory=list)
    plane: tuple[float, float] | None = None
    layout: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    summary: str = ""


@dataclass(frozen=True)
class Curve:
    """A line of a figure of curves.

    Args:
        series: the label of its series.
        rows: the columns step and y and, of the mean of a selected series, low and high (the ends of its interval).
        knots: some rows of the columns step, examples, gradient_evaluations and train_seconds, from the first to the last one;
            between them the page interpolates the other x axes from the step.
        run: the run whose curve it is, such as "seed 1: diverged at step 9"; "" for the mean over the completed runs.
        mark: plotly's symbol of the marker at the end of the line; "" for none.
    """

    series: str
    rows: pl.DataFrame
    knots: pl.DataFrame
    run: str = ""
    mark: str = ""


@dataclass(frozen=True)
class CurveFigure:
    """A plot of curves over the x axis that the reader chooses: see `curves.curve_figure`.

    The page draws the selected series of each optimizer; it can add the other series, or show the series of each optimizer in
    a plot of their own, smooth the lines, and zoom all figures of curves together.

    Args:
        title: the heading above the plot.
        curves: its lines.
        scale: scale of the y axis: "log", "linear", or "loss" (the reader chooses one of the two).
        levels: values of y to mark with a horizontal line, each with its text.
        note: a sentence below the title that tells how to read the plot.
        summary: the main numbers of the plot as text, for readers who do not see it.
        column: the column of the curves, such as "train/loss".
    """

    title: str
    curves: list[Curve]
    scale: str
    levels: list[Level] = field(default_factory=list)
    note: str = ""
    summary: str = ""
    column: str = ""


@dataclass(frozen=True)
class Html:
    """A panel of HTML.

    Args:
        title: the heading above it.
        html: the content; a `str` is escaped, `markupsafe.Markup` is inserted unchanged.
        note: a sentence below the title that tells how to read the panel.
    """

    title: str
    html: str
    note: str = ""


@dataclass(frozen=True)
class Fold:
    """Several plots behind a heading, which the reader opens.

    Args:
        title: the heading.
        figures: the plots.
        note: a sentence below the heading.
    """

    title: str
    figures: Sequence[CurveFigure | Figure]
    note: str = ""


Drawing = CurveFigure | Figure | Html | Fold
