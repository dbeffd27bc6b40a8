"""Colours and dashes of series."""

from __future__ import annotations

from dataclasses import dataclass

from descentlab.report.load import Results

# Okabe and Ito's colour-blind-safe palette without its black and yellow, then six colours of Paul Tol's muted palette.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
COLORS += ("#882255", "#999933", "#AA4499", "#44AA99", "#332288", "#117733")
# The dashes of plotly by name, and how SVG draws each with a line that is 2 wide.
DASHES = {
    "solid": "",
    "dash": "6 4",
    "dot": "2 3",
    "dashdot": "6 3 2 3",
    "longdash": "10 4",
    "longdashdot": "10 3 2 3",
}


@dataclass(frozen=True)
class Style:
    """The colour and the dash (by plotly's name) of a line."""

    color: str
    dash: str

    @property
    def dash_array(self) -> str:
        """The dash as an SVG stroke-dasharray."""
        return DASHES[self.dash]


def styles(results: Results) -> dict[str, Style]:
    """Return the style of each series by label: one colour per optimizer; dashes distinguish its series within a comparison."""
    optimizers = list(dict.fromkeys(one.optimizer for one in results.series))
    colors = {optimizer: COLORS[index % len(COLORS)] for index, optimizer in enumerate(optimizers)}
    dashes = list(DASHES)
    styled: dict[str, Style] = {}
    for comparison in results.comparisons:
        used = dict.fromkeys(optimizers, 0)
        for one in comparison.series:
            styled[one.label] = Style(colors[one.optimizer], dashes[used[one.optimizer] % len(dashes)])
            used[one.optimizer] += 1
    return styled
