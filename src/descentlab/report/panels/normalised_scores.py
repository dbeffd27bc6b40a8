"""Normalised scores over problems: interquartile mean and probability of improvement (rliable), a row per optimizer.

On each problem the mean of the worst optimizer becomes 0 and that of the best one 1, so that the numbers depend on the
optimizers that are compared.
"""

from __future__ import annotations

import math
from statistics import fmean

from descentlab.report.answer import Answer, entry_named
from descentlab.report.drawing.across import AcrossData
from descentlab.report.drawing.figure import Html
from descentlab.report.drawing.html_table import html_table
from descentlab.report.formats import format_range
from descentlab.report.statistics.normalised import Aggregate, aggregate, improvement, normalise
from descentlab.store.record import Status

ORDER = 115
HEADINGS = ("optimizer", "interquartile mean", "probability that a run is better than one of {}", "runs")
NOTE = """On each problem the mean of the worst optimizer is 0 and that of the best is 1. [low, high] are 95 % limits of a
bootstrap over the runs of each problem; they are too narrow for fewer than 10 runs per problem. A run that diverged has the
lowest score."""


def draw_across(data: AcrossData) -> Html | None:
    """Draw the panel if at least two optimizers have runs on at least two problems on which they differ."""
    names = data.names
    tables = [table for answer in data.answers if (table := _normalised(answer, names))]
    if len(tables) < 2:
        return None
    scores = {name: [table[name] for table in tables] for name in names}
    means = {name: aggregate(each) for name, each in scores.items()}
    order = sorted(names, key=lambda name: -means[name].value)
    first = order[0]
    heads = [heading.format(first) for heading in HEADINGS]
    rows = [[name, _text(means[name]), "", str(means[name].runs)] for name in order]
    for row in rows[1:]:
        row[2] = _text(improvement(scores[row[0]], scores[first]))
    return Html(f"Normalised scores over {len(tables)} problems", html_table(heads, rows, NOTE))


def _normalised(answer: Answer, names: list[str]) -> dict[str, list[float]]:
    """Return the scores of the runs of each entry on one problem; empty if an entry has no runs, or if none differ."""
    values = {name: _values(answer, name) for name in names}
    finite = [[value for value in each if math.isfinite(value)] for each in values.values()]
    means = [fmean(each) for each in finite if each]
    if len(names) < 2 or not all(values.values()) or len(set(means)) < 2:
        return {}
    worst, best = (min(means), max(means)) if answer.mode == "max" else (max(means), min(means))
    return {name: normalise(each, worst, best) for name, each in values.items()}


def _values(answer: Answer, name: str) -> list[float]:
    """Return the compared number of each run of an entry, and of a diverged run the infinite one that is worst."""
    entry = entry_named(answer.entries, name)
    runs = [] if entry is None else [run for run in entry.series.runs if run.status.is_result]
    worst = -math.inf if answer.mode == "max" else math.inf
    values = [worst if run.status is Status.DIVERGED else answer.by.get(run) for run in runs]
    return [] if any(value is None for value in values) else [value for value in values if value is not None]


def _text(found: Aggregate) -> str:
    if not math.isfinite(found.value):
        return "lowest: too many runs diverged"
    if not math.isfinite(found.low):
        return f"{found.value:.2f} [lowest, {found.high:.2f}]"
    if found.low == found.high:
        return f"{found.value:.2f} (in all resamples)"
    return "{} [{}, {}]".format(*format_range([found.value, found.low, found.high]))
