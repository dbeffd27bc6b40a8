"""Tuning curve: the best validation value of k trials, for each optimizer of a tuned sweep.

With trials that are independent of each other, the curve is the median or the expected value with its simultaneous 95 % band.
Trials of a model-based sampler or of successive halving are not: their curve is the best value so far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from descentlab.report.drawing.curves import BAND_OPACITY, NO_LINE
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.style import Style
from descentlab.report.statistics.ranges import Bounds, bounds_of
from descentlab.report.statistics.tuning_curves import Mode, Statistic, TuningCurve, best_so_far, tuning_curve
from descentlab.store.manifest import Arm, Manifest

ORDER = 85
MODEL_BASED = ("tpe",)  # samplers that propose points from the results of earlier ones
MIN_TRIALS = 3


def draw(data: PanelData) -> Figure | None:
    """Draw the panel if an arm has at least three trials with a value."""
    arms = [arm for arm in data.comparison.arms if sum(trial.value is not None for trial in arm.trials) >= MIN_TRIALS]
    if not arms:
        return None
    metric, mode = data.comparison.monitor, "min" if data.comparison.mode == "min" else "max"
    if _sampler(data) in MODEL_BASED or any(trial.pruned for arm in arms for trial in arm.trials):
        lines = [_best_so_far(arm, mode, _style(arm, data)) for arm in arms]
        return Figure(f"Best validation {metric} so far by trial", lines, _scale(lines, mode), x="trials")
    bounds = bounds_of(metric)
    bounds = bounds.without_violated(trial.value for arm in arms for trial in arm.trials if trial.value is not None)
    statistic: Statistic = "median" if bounds.low is None or bounds.high is None else "expected"
    traces = [trace for arm in arms for trace in _curve(arm, mode, statistic, bounds, _style(arm, data))]
    traces.sort(key=lambda trace: "fill" not in trace)  # lines on top of bands
    title = f"Tuning curve: {statistic} best validation {metric} of k trials"
    return Figure(title, traces, _scale(traces, mode), x="trials k")


def _sampler(data: PanelData) -> str:
    """Return the sampler of the sweep; "" if its manifest cannot be read."""
    folders = dict.fromkeys(run.folder.parent for run in data.comparison.all_runs)
    manifests = (Manifest.read(folder) for folder in folders)
    return next((manifest.sampler for manifest in manifests if manifest is not None), "")


def _scale(traces: Sequence[Trace], mode: Mode) -> str:
    return "loss" if mode == "min" and all(y > 0 for trace in traces for y in trace["y"]) else "linear"


def _style(arm: Arm, data: PanelData) -> Style:
    """Return the style of the arm's report runs, or that of a series of its optimizer."""
    ids = {*arm.report, *(id for trial in arm.trials for id in trial.runs)}
    own = [one for one in data.series if any(run.id in ids for run in one.runs)]
    of_optimizer = [one for one in data.series if one.optimizer == arm.optimizer]
    return data.styles[(own or of_optimizer or data.series)[0].label]


def _values(arm: Arm) -> list[float | None]:
    """Return the values of the trials; while the tuning is not complete, only those that are known."""
    return [trial.value for trial in arm.trials if trial.value is not None or arm.selected is not None]


def _best_so_far(arm: Arm, mode: Mode, style: Style) -> Trace:
    known = [(k, best) for k, best in enumerate(best_so_far(_values(arm), mode), 1) if best is not None]
    return _line(arm.name, [k for k, _ in known], [best for _, best in known], style) | {"mode": "lines+markers"}


def _curve(arm: Arm, mode: Mode, statistic: Statistic, bounds: Bounds, style: Style) -> list[Trace]:
    """Return the band and the line of an arm, without the numbers of trials at which they are infinite."""
    values = _values(arm)
    low, high = (-math.inf if bounds.low is None else bounds.low), (math.inf if bounds.high is None else bounds.high)
    curve = tuning_curve(values, mode, statistic, low, high)
    if curve is None:
        return []
    rows = [(k, best) for k, best in enumerate(curve.best, 1) if math.isfinite(best)]
    failed = f", {curve.failed} of {curve.trials} trials failed" if curve.failed else ""
    return [*_band(curve, style), _line(arm.name + failed, [k for k, _ in rows], [best for _, best in rows], style)]


def _band(curve: TuningCurve, style: Style) -> list[Trace]:
    rows = [row for row in zip(range(1, curve.trials + 1), curve.low, curve.high, strict=True) if all(map(math.isfinite, row))]
    if not rows:
        return []
    k, low, high = map(list, zip(*rows, strict=True))
    outline = {"x": [*k, *reversed(k)], "y": [*high, *reversed(low)]}
    fill = {"fill": "toself", "fillcolor": f"{style.color}{BAND_OPACITY}", "hoverinfo": "skip", "mode": "lines"}
    return [{"type": "scatter", **outline, **fill, **NO_LINE}]


def _line(name: str, x: list[int], y: list[float], style: Style) -> Trace:
    line = {"color": style.color, "dash": style.dash, "width": 2}
    hover = "%{fullData.name}<br>%{x} trials, %{y:.4~g}<extra></extra>"
    return {"type": "scatter", "name": name, "x": x, "y": y, "mode": "lines", "line": line, "hovertemplate": hover}
