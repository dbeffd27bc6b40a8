"""Further measurements: a plot for each logged curve that no other panel shows.

These are the other validation metrics, the values that a task watches, probes, and what callbacks log.
"""

from __future__ import annotations

from collections.abc import Collection

from descentlab.report.criterion import is_test_function
from descentlab.report.drawing.curves import curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure, Fold
from descentlab.report.panels import learning_rate
from descentlab.report.statistics.curves import AXES
from descentlab.report.statistics.ranges import bounds_of

ORDER = 200
SPLITS = {"train": "Training", "valid": "Validation"}
NOTE = "Curves that have no panel above: other metrics, values that the task watches, probes, and columns of callbacks."


def draw_rest(data: PanelData, shown: Collection[str]) -> Fold | None:
    """Draw a figure for each column that is not among `shown` and has a value."""
    columns = dict.fromkeys(name for frame in data.frames.values() for name in frame.columns)
    left = [name for name in columns if name not in (*AXES, *shown, learning_rate.COLUMN)]  # a constant rate has no panel
    figures = [figure for name in sorted(left, key=_order) if (figure := _figure(data, name)) is not None]
    return Fold("Further measurements", figures, NOTE) if figures else None


def _order(column: str) -> tuple[bool, str]:
    """Return a key that places validation metrics before what is measured in training."""
    return not column.startswith("valid/"), column


def _figure(data: PanelData, column: str) -> CurveFigure | None:
    split, _, name = column.partition("/")
    title = f"{SPLITS.get(split, split)} {name.replace('_', ' ')}"
    if split == "valid" and is_test_function(data.comparison):
        title = name.replace("_", " ").capitalize()
    scale = "loss" if bounds_of(name).high is None else "linear"
    return curve_figure(data, column, title, scale, note=f"The curve {column}, a mean over seeds.")
