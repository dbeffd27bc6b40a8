"""The page of range tests: the loss over the learning rate, with the suggested rate, and a sentence about each test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from descentlab.report.drawing.charts import Charts
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.style import COLORS, DARK
from descentlab.report.layout import template
from descentlab.report.sections import panel_box
from descentlab.report.statistics.lr_range import RangeTest, RateEstimate, Rule
from descentlab.store.record import write_text

PAGE = "lr_range.html"
ABOVE = 1.5  # ratio of the top of the plot to the loss of the first step
RULES = {"tenth": "a tenth of the largest rate with the lowest loss", "steepest": "the rate at which the loss falls fastest"}
NOTE = "Faint: the loss of each step; lines: its mean over 5 % of the steps, by seed. The band: the interval of the suggestion."


@dataclass(frozen=True)
class Panel:
    """The results of the range test of one optimizer.

    Attributes:
        title: the optimizer with its settings, and the problem.
        tests: one for each seed.
        rule: the rule of the suggestion.
        suggestion: the suggested rate; None if the loss does not fall.
        knee: the rate at which the loss begins to fall.
        divergence: the rate at which the runs with growing rates diverge; None if they do not.
        stable: the largest stable constant rate; None if it was not looked for.
    """

    title: str
    tests: Sequence[RangeTest]
    rule: Rule
    suggestion: RateEstimate | None
    knee: RateEstimate | None
    divergence: RateEstimate | None
    stable: RateEstimate | None = None

    @property
    def sentence(self) -> str:
        """A sentence with the suggestion, its interval over seeds and its rule, the knee and the divergence."""
        if self.suggestion is None:
            return f"{self.title}: no suggestion, since the loss does not fall with every seed."
        first, last = self.tests[0].rates[[0, -1]]
        seeds = f"{self.suggestion.n} seeds" if self.suggestion.n > 1 else "1 seed"
        parts = [f"{self.title}: lr {self.suggestion}, {RULES[self.rule]} ({seeds})"]
        parts += [f"the loss begins to fall at {self.knee}"] if self.knee else []
        parts += [
            f"it rises again above its start at {self.divergence}"
            if self.divergence
            else f"no divergence from {first:g} to {last:g}"
        ]
        parts += [f"the largest stable constant rate is {self.stable}"] if self.stable else []
        return "; ".join(parts) + "."


def write_page(panels: Sequence[Panel], folder: Path) -> Path:
    """Write lr_range.html into `folder` and return its path."""
    page = folder / PAGE
    write_text(page, render(panels))
    return page


def render(panels: Sequence[Panel]) -> str:
    """Return the HTML of a self-contained page with a plot for each panel."""
    charts = Charts()
    boxes = [panel_box(_figure(panel), charts, None) for panel in panels]
    return template("lr_range.html.jinja").render(
        sentences=[panel.sentence for panel in panels], panels=boxes, inks=list(DARK.items()), charts=charts.scripts()
    )


def _figure(panel: Panel) -> Figure:
    """Return the plot of one optimizer: the loss over the rate."""
    traces = [_trace(test.rates, test.losses, number, "raw") for number, test in enumerate(panel.tests)]
    traces += [_trace(test.rates, test.smoothed, number, "smoothed") for number, test in enumerate(panel.tests)]
    low, high = _range(panel.tests)
    layout = {"shapes": [*_suggested(panel), *_lines(panel)], "yaxis": {"range": [low, high]}, "height": 380}
    return Figure(
        panel.title, traces, "linear", "learning rate", "log", "training loss", layout=layout, note=NOTE, summary=panel.sentence
    )


def _trace(rates: np.ndarray, losses: np.ndarray, number: int, kind: str) -> Trace:
    is_raw = kind == "raw"
    return {
        "type": "scatter",
        "mode": "lines",
        "x": rates.tolist(),
        "y": losses.tolist(),
        "line": {"color": COLORS[0], "width": 1 if is_raw else 2.2},
        "opacity": 0.25 if is_raw else 1,
        "hoverinfo": "skip" if is_raw else None,
        "hovertemplate": None if is_raw else f"seed {number + 1}, lr %{{x:.3g}}: %{{y:.4~g}}<extra></extra>",
    }


def _range(tests: Sequence[RangeTest]) -> tuple[float, float]:
    """Return the limits of the loss: from the lowest smoothed one to somewhat above that of the first step."""
    first, lowest = max(test.smoothed[0] for test in tests), min(float(np.nanmin(test.smoothed)) for test in tests)
    size = (first - lowest) or abs(first) or 1.0
    return lowest - 0.08 * size, first + (ABOVE - 1) * size


def _suggested(panel: Panel) -> list[dict[str, object]]:
    """Return the suggestion as a line, and its interval as a band."""
    found = panel.suggestion
    if found is None:
        return []
    vertical = {"yref": "y domain", "y0": 0, "y1": 1}
    label = {"text": f"lr {found.rate:.2g}", "textposition": "end", "textangle": 0, "xanchor": "left", "yanchor": "top"}
    line = {
        "type": "line",
        "x0": found.rate,
        "x1": found.rate,
        "line": {"color": COLORS[1], "width": 2},
        "label": label,
        **vertical,
    }
    if found.low is None or found.high is None:
        return [line]
    band = {"type": "rect", "x0": found.low, "x1": found.high, "fillcolor": COLORS[1] + "33", "line": {"width": 0}, **vertical}
    return [band, line]


def _lines(panel: Panel) -> list[dict[str, object]]:
    """Return the knee, the divergence and the largest stable rate as dotted lines with their names."""
    named = {"knee": panel.knee, "diverges": panel.divergence, "stable": panel.stable}
    return [
        {
            "type": "line",
            "x0": each.rate,
            "x1": each.rate,
            "yref": "y domain",
            "y0": 0,
            "y1": 1,
            "line": {"color": "#6B7280", "width": 1, "dash": "dot"},
            "label": {"text": name, "textposition": "start", "textangle": 0, "xanchor": "left", "yanchor": "bottom"},
        }
        for name, each in named.items()
        if each is not None
    ]
