"""The validation metric that ranks the series, with the target and the baselines.

A metric that is minimized (an error or a loss) may be drawn on a logarithmic axis, as the losses are.
"""

from __future__ import annotations

from descentlab.report.criterion import split_label
from descentlab.report.drawing.curves import MEAN, curve_figure
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import CurveFigure
from descentlab.report.drawing.levels import baseline_levels, target_levels

ORDER = 15


def draw(data: PanelData) -> CurveFigure | None:
    metric = data.comparison.monitor
    scale = "loss" if data.comparison.mode == "min" else "linear"
    levels = target_levels(data.comparison) + baseline_levels(data.comparison, "valid", metric)
    better = "Lower" if data.comparison.mode == "min" else "Higher"
    note = f"{better} is better. {MEAN}."
    label = split_label(data.comparison, "valid", metric)
    return curve_figure(data, f"valid/{metric}", label[0].upper() + label[1:], scale, levels=levels, note=note)
