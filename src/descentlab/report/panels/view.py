"""What a panel of the page is, and what it is drawn from and in: series, curves, colours, dashes."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import polars as pl

from descentlab.report.load import Comparison, Loaded, Series
from descentlab.report.statistics.estimate import curves, ranked

# Okabe and Ito's colour-blind-safe palette without its black and yellow, then six of Paul Tol's muted set.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
COLORS += ("#882255", "#999933", "#AA4499", "#44AA99", "#332288", "#117733")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")

Trace = dict[str, Any]


@dataclass(frozen=True)
class Style:
    color: str
    dash: str


def styles(loaded: Loaded) -> dict[str, Style]:
    """By label: a colour an optimizer; dashes tell its series on one problem apart."""
    optimizers = list(dict.fromkeys(one.optimizer for one in loaded.series))
    colors = {optimizer: COLORS[place % len(COLORS)] for place, optimizer in enumerate(optimizers)}
    styled: dict[str, Style] = {}
    for comparison in loaded.comparisons:
        used = dict.fromkeys(optimizers, 0)
        for one in comparison.series:
            styled[one.label] = Style(colors[one.optimizer], DASHES[used[one.optimizer] % len(DASHES)])
            used[one.optimizer] += 1
    return styled


@dataclass(frozen=True)
class View:
    """What a panel draws from. `points`: how many to a line, so that hundreds of runs still make a light page."""

    comparison: Comparison
    styles: dict[str, Style]

    @cached_property
    def series(self) -> list[Series]:
        return ranked(self.comparison)

    @cached_property
    def frames(self) -> dict[str, pl.DataFrame]:
        return {run.id: curves(run) for run in self.comparison.runs}

    @property
    def points(self) -> int:
        return max(200, min(1000, 100_000 // len(self.comparison.runs)))


@dataclass(frozen=True)
class Panel:
    """One plot.

    Args:
        traces: of plotly, with `series` (whose label the legend toggles) and, unless `x` is set, `xs`: {axis: values}.
        scale: of y: "log", "linear", or "loss": as the reader chooses.
        x: the title of a logarithmic x axis of its own; empty: the axis that the reader chooses.
        levels: values of y to mark, and what to call each.
        plane: the range along both axes where x and y are coordinates in a plane; None: they are not.
    """

    title: str
    traces: list[Trace]
    scale: str
    x: str = ""
    levels: list[tuple[float, str]] = field(default_factory=list)
    plane: tuple[float, float] | None = None
