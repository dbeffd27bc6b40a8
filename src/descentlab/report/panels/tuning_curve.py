"""Tuning curve: the best validation value of k trials, for each optimizer of a tuned sweep.

With trials that are independent of each other, the curve is the median or the expected value with its simultaneous 95 % band.
Trials of a model-based sampler or of successive halving are not: their curve is the best value so far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from descentlab.report.criterion import split_label
from descentlab.report.drawing.curves import BAND_OPACITY
from descentlab.report.drawing.data import PanelData
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.series import Series
from descentlab.report.statistics.ranges import Bounds, bounds_of
from descentlab.report.statistics.tuning_curves import Mode, Statistic, TuningCurve, best_so_far, tuning_curve
from descentlab.report.trials import are_independent, trial_values
from descentlab.store.manifest import Arm

ORDER = 85
MIN_TRIALS = 3
FEW = 8  # trials, each with a tick


def draw(data: PanelData) -> Figure | None:
    """Draw the panel if an arm has at least three trials with a value."""
    arms = [arm for arm in data.comparison.arms if sum(trial.value is not None for trial in arm.trials) >= MIN_TRIALS]
    if not arms:
        return None
    metric, mode = data.comparison.monitor, "min" if data.comparison.mode == "min" else "max"
    if not are_independent(data.comparison):
        traces = [_of(arm, data, _best_so_far(arm, mode)) for arm in arms]
        note = "The best value of the first k trials, whose points depend on the results of earlier ones."
        title = f"Best {split_label(data.comparison, 'valid', metric)} so far by trial"
        return Figure(
            title, traces, _scale(traces, mode), x="trials", layout=_layout(arms), note=note, summary=_summary(traces)
        )
    bounds = bounds_of(metric)
    bounds = bounds.without_violated(trial.value for arm in arms for trial in arm.trials if trial.value is not None)
    statistic: Statistic = "median" if bounds.low is None or bounds.high is None else "expected"
    traces = [_of(arm, data, trace) for arm in arms for trace in _curve(arm, mode, statistic, bounds)]
    traces.sort(key=lambda trace: "fill" not in trace)  # lines on top of bands
    title = f"Tuning curve: {statistic} best {split_label(data.comparison, 'valid', metric)} of k trials"
    note = f"The {statistic} best value to get from k trials, with its simultaneous 95 % band between the dotted lines."
    scale, layout = _scale(traces, mode), _layout(arms)
    return Figure(title, traces, scale, x="trials k", layout=layout, note=note, summary=_summary(traces))


def _layout(arms: Sequence[Arm]) -> dict[str, Any]:
    """Return an x axis with whole numbers as ticks: all if they are few, otherwise 1, 2, 5, ... and the number of trials."""
    most = max(len(arm.trials) for arm in arms)
    steps = [digit * 10**power for power in range(6) for digit in (1, 2, 5)]
    ticks = list(range(1, most)) if most <= FEW else [step for step in steps if step <= 0.8 * most]
    return {"xaxis": {"tickmode": "array", "tickvals": [*ticks, most], "ticktext": [f"{tick:,}" for tick in [*ticks, most]]}}


def _summary(traces: Sequence[Trace]) -> str:
    """Return the last point of each line as text."""
    lines = [trace for trace in traces if "fill" not in trace and trace["x"]]
    return ", ".join(f"{line['name']} {line['y'][-1]:.4g} after {line['x'][-1]} trials" for line in lines)


def _of(arm: Arm, data: PanelData, trace: Trace) -> Trace:
    """Return the trace with the colour and the dash of the arm, and the series whose button hides it."""
    label = _series(arm, data).label
    style = data.styles[label]
    if "fill" in trace:
        edge = {"color": style.color, "width": 1, "dash": "dot"}
        return trace | {"series": label, "fillcolor": f"{style.color}{BAND_OPACITY}", "line": edge}
    return trace | {"series": label, "line": {"color": style.color, "dash": style.dash, "width": 2}}


def _scale(traces: Sequence[Trace], mode: Mode) -> str:
    return "loss" if mode == "min" and all(y > 0 for trace in traces for y in trace["y"]) else "linear"


def _series(arm: Arm, data: PanelData) -> Series:
    """Return the series whose style and button in the legend the arm has: its report runs, or one of its optimizer."""
    ids = {*arm.report, *(id for trial in arm.trials for id in trial.runs)}
    own = [one for one in data.series if any(run.id in ids for run in one.runs)]
    of_optimizer = [one for one in data.series if one.optimizer == arm.optimizer]
    return (own or of_optimizer or data.series)[0]


def _best_so_far(arm: Arm, mode: Mode) -> Trace:
    known = [(k, best) for k, best in enumerate(best_so_far(trial_values(arm), mode), 1) if best is not None]
    return _line(arm.name, [k for k, _ in known], [best for _, best in known]) | {"mode": "lines+markers"}


def _curve(arm: Arm, mode: Mode, statistic: Statistic, bounds: Bounds) -> list[Trace]:
    """Return the band and the line of an arm, without the numbers of trials at which they are infinite."""
    low, high = (-math.inf if bounds.low is None else bounds.low), (math.inf if bounds.high is None else bounds.high)
    curve = tuning_curve(trial_values(arm), mode, statistic, low, high)
    if curve is None:
        return []
    rows = [(k, best) for k, best in enumerate(curve.best, 1) if math.isfinite(best)]
    failed = f", {curve.failed} of {curve.trials} trials failed" if curve.failed else ""
    return [*_band(curve), _line(arm.name + failed, [k for k, _ in rows], [best for _, best in rows])]


def _band(curve: TuningCurve) -> list[Trace]:
    rows = [row for row in zip(range(1, curve.trials + 1), curve.low, curve.high, strict=True) if all(map(math.isfinite, row))]
    if not rows:
        return []
    k, low, high = map(list, zip(*rows, strict=True))
    outline = {"x": [*k, *reversed(k)], "y": [*high, *reversed(low)]}
    return [{"type": "scatter", **outline, "fill": "toself", "hoverinfo": "skip", "mode": "lines"}]


def _line(name: str, x: list[int], y: list[float]) -> Trace:
    hover = "%{fullData.name}<br>%{x} trials, %{y:.4~g}<extra></extra>"
    return {"type": "scatter", "name": name, "x": x, "y": y, "mode": "lines", "hovertemplate": hover}
