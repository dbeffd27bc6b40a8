"""Performance profile: the fraction of problems on which an optimizer needs at most tau times the steps of the fastest one."""

from __future__ import annotations

import math
from collections.abc import Sequence

from descentlab.report.answer import Answer, entry_named
from descentlab.report.criterion import make_criterion
from descentlab.report.drawing.across import AcrossData
from descentlab.report.drawing.curves import BAND_OPACITY, NO_LINE, widths
from descentlab.report.drawing.figure import Figure, Trace
from descentlab.report.drawing.style import Style
from descentlab.report.statistics.profiles import Profile, performance_profiles
from descentlab.report.times import times_to_target

ORDER = 120
NOTE = "Higher is better: the left end is the fraction of problems on which it is the fastest, the right end that it solves."
MIN_BANDS = 5  # problems; with fewer, the bands fill the panel


def draw_across(data: AcrossData) -> Figure | None:
    """Draw the panel if at least two optimizers have runs on at least two problems with a target."""
    targeted = [answer for answer in data.answers if len(answer.comparison.targets) == 1]
    times = {name: [_times(answer, name) for answer in targeted] for name in data.names}
    complete = {name: problems for name, problems in times.items() if all(problems)}
    if len(complete) < 2 or len(targeted) < 2:
        return None
    profiles = performance_profiles(complete)
    if not any(profile.solved for profile in profiles.values()):
        return None
    traces = [trace for name, profile in profiles.items() for trace in _traces(name, profile, data.style(name))]
    traces = traces if len(targeted) >= MIN_BANDS else [trace for trace in traces if "fill" not in trace]
    for width, trace in zip(widths(len(complete)), [each for each in traces if "fill" not in each], strict=True):
        trace["line"]["width"] = width
    traces.sort(key=lambda trace: "fill" not in trace)  # lines on top of bands
    title = f"Performance profile: fraction of {len(targeted)} problems solved within tau times the fastest's steps to target"
    summary = ", ".join(trace["name"] for trace in traces if "name" in trace)
    legend = {"orientation": "h", "x": 0, "y": -0.2, "yanchor": "top"}
    layout = {"yaxis": {"tickformat": ".0%", "range": [-0.03, 1.05]}, "showlegend": True, "legend": legend, "height": 380}
    note = " ".join(filter(None, [NOTE, _left_out(data, targeted)]))
    return Figure(title, traces, "linear", x="tau", layout=layout, note=note, summary=summary)


def _left_out(data: AcrossData, targeted: Sequence[Answer]) -> str:
    """Return a sentence with the problems that do not count; "" if all of them do."""
    names = [answer.comparison.name for answer in data.answers if not any(answer is one for one in targeted)]
    return f"Excluded because they have no target or several targets: {', '.join(names)}." if names else ""


def _times(answer: Answer, name: str) -> list[float]:
    """Return the steps to target of the runs of an entry; infinite for a run that did not reach it."""
    entry = entry_named(answer.entries, name)
    if entry is None:
        return []
    times = times_to_target(entry.series, make_criterion(answer.comparison, "steps_to_target"))
    return [*(max(time, 1) for time in times.reached), *(math.inf for _ in times.censored)]  # a target may be reached at step 0


def _traces(name: str, profile: Profile, style: Style) -> list[Trace]:
    """Return the band and the line of an optimizer."""
    ratios, fractions = _steps(profile.ratios, profile.fractions)
    low, high = (_steps(profile.ratios, limits)[1] for limits in zip(*profile.band, strict=True))
    score = "AlgoPerf score {:.2f} [{:.2f}, {:.2f}]".format(profile.score, *profile.score_limits)
    band: Trace = {"type": "scatter", "x": [*ratios, *reversed(ratios)], "y": [*high, *reversed(low)], "mode": "lines"}
    line: Trace = {"type": "scatter", "name": f"{name}: {score}", "x": ratios, "y": fractions, "mode": "lines"}
    line |= {"line": {"color": style.color, "dash": style.dash, "width": 2}}
    line |= {"hovertemplate": "%{fullData.name}<br>%{y:.0%} of the problems within %{x:.3g}<extra></extra>"}
    fill: Trace = {"fill": "toself", "fillcolor": f"{style.color}{BAND_OPACITY}", "hoverinfo": "skip", "showlegend": False}
    return [band | fill | NO_LINE, line]


def _steps(x: Sequence[float], y: Sequence[float]) -> tuple[list[float], list[float]]:
    """Return the points of a step function that has the value y[i] from x[i] on."""
    corners = zip(x[1:], y[:-1], y[1:], strict=True)
    points = [(x[0], y[0]), *(point for at, before, after in corners for point in ((at, before), (at, after)))]
    return [at for at, _ in points], [value for _, value in points]
