"""Colours, dashes and shades of series: an optimizer has the same colour on every page."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from descentlab.report.answer import Answer
from descentlab.report.series import Comparison, Series

# Colours on light pages, and the same on dark ones. The first four are of the palette of Okabe and Ito; all twelve have a
# contrast of about 2.5 or more with the page, and differ for red-green deficiencies too (tests/report/drawing/test_palette.py).
DARK = {
    "#0072B2": "#4DA3E0",  # blue
    "#D55E00": "#FF8A3D",  # vermilion
    "#009E73": "#2CC79A",  # green
    "#CC79A7": "#F0A6CF",  # pink
    "#D69A00": "#FFD75E",  # amber
    "#4A9FD8": "#B4E1FF",  # sky
    "#882255": "#D0608F",  # wine
    "#5A5B00": "#A3A31A",  # olive
    "#5B3FA8": "#8F74E8",  # violet
    "#0F6E74": "#3D9FA8",  # teal
    "#96602B": "#D9A673",  # brown
    "#2B2F38": "#EDEFF2",  # slate
}
COLORS = tuple(DARK)
# The optimizers of conf/optimizer that have each colour, in the order of COLORS. On a page with several of a row, the first one
# keeps the colour. Optimizers that are often compared are in different rows.
NAMES = (
    ("adam", "adam_mini", "dadapt_adam", "adahessian"),
    ("sgd", "gradient_descent", "dadapt_sgd", "asgd"),
    ("momentum", "stable_adamw", "adadelta", "galore"),
    ("rmsprop", "adabelief", "rprop", "alig"),
    ("adagrad", "nadam", "mars", "sam"),
    ("adamw", "amsgrad", "ademamix", "asam"),
    ("lion", "radam", "psgd_kron", "tiger"),
    ("soap", "adabound", "came"),
    ("muon", "lamb", "adopt"),
    ("nesterov", "lars", "schedulefree_sgd", "schedule_free_sgd", "prodigy"),
    ("shampoo", "schedulefree_adamw", "schedule_free_adamw", "ranger21", "signsgd"),
    ("lbfgs", "sophia", "adafactor", "adamax", "schedulefree_radam"),
)
FIXED = {name: color for color, names in zip(COLORS, NAMES, strict=True) for name in names}
PRIORITY = [name for rank in range(max(map(len, NAMES))) for names in NAMES for name in names[rank : rank + 1]]
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
    """The style of the lines of a series.

    Args:
        color: the colour of its optimizer on a light page, one of COLORS.
        dash: plotly's name of the dash.
        shade: the position of its learning rate among those of its optimizer, from 0 (the lowest) to 1; 0.5 for a single one.
    """

    color: str
    dash: str
    shade: float = 0.5

    @property
    def dash_array(self) -> str:
        """The dash as an SVG stroke-dasharray."""
        return DASHES[self.dash]

    @property
    def ink(self) -> str:
        """The colour as a CSS value that follows the page's scheme: a variable of template/charts.css.jinja."""
        return f"var(--line-{COLORS.index(self.color)})"


def styles(answers: Sequence[Answer]) -> dict[str, Style]:
    """Return the style of each series of a page, trials included, by label.

    The colour is that of the optimizer. Among the series of an optimizer in one comparison, the selected ones come first and
    have the first dashes; the others follow by learning rate.
    """
    colors = optimizer_colors(one.optimizer for answer in answers for one in _all_series(answer.comparison))
    styled: dict[str, Style] = {}
    for answer in answers:
        selected = {entry.series.label for entry in answer.entries}
        by_optimizer: dict[str, list[Series]] = {}
        for one in _all_series(answer.comparison):
            by_optimizer.setdefault(one.optimizer, []).append(one)
        for optimizer, series in by_optimizer.items():
            styled |= _styles_of_optimizer(series, selected, colors[optimizer])
    return styled


def optimizer_colors(optimizers: Iterable[str]) -> dict[str, str]:
    """Return a colour for each optimizer, which depends on the other ones only where two would have the same.

    An optimizer of the table NAMES has its colour, any other one a colour by the checksum of its name. Where that is taken, the
    next free colour follows: first come those of the table in its order, then those that have such a name in a folder
    (scratch/adam), then the others in alphabetical order. With more optimizers than colours, colours repeat.
    """
    order = {name: rank for rank, name in enumerate(PRIORITY)}
    names = sorted(dict.fromkeys(optimizers), key=lambda name: (name not in order, order.get(_base(name), len(order)), name))
    found: dict[str, str] = {}
    for name in names:
        wanted = COLORS.index(FIXED[_base(name)]) if _base(name) in FIXED else zlib.crc32(name.encode()) % len(COLORS)
        turned = [*COLORS[wanted:], *COLORS[:wanted]]
        used = list(found.values())
        found[name] = min(turned, key=used.count)
    return found


def _base(optimizer: str) -> str:
    """Return the name without its folder: scratch/adam has the colour of adam, if adam is not on the page."""
    return optimizer.rpartition("/")[2]


def _all_series(comparison: Comparison) -> list[Series]:
    return [*comparison.series, *comparison.trials]


def _styles_of_optimizer(series: Sequence[Series], selected: set[str], color: str) -> dict[str, Style]:
    """Return the styles of the series of one optimizer in one comparison."""
    by_rate = sorted({one.label: one for one in series}.values(), key=_rate_and_label)
    last = max(1, len(by_rate) - 1)
    shades = {one.label: index / last if len(by_rate) > 1 else 0.5 for index, one in enumerate(by_rate)}
    dashes = list(DASHES)
    first = [one.label for one in by_rate if one.label in selected]
    others = [label for label in shades if label not in selected]
    left = dashes[len(first) :] or dashes[-1:]
    dash = {label: dashes[min(index, len(dashes) - 1)] for index, label in enumerate(first)}
    dash |= {label: left[index * len(left) // max(len(others), len(left))] for index, label in enumerate(others)}
    return {label: Style(color, dash[label], shades[label]) for label in shades}


def _rate_and_label(series: Series) -> tuple[float, str]:
    rate = series.settings.get("optimizer.lr")
    return (float(rate) if isinstance(rate, int | float) else 0.0), series.label
