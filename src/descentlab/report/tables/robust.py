"""Table of the mean, the median and the interquartile mean of each entry: a single bad seed hardly moves the latter two."""

from __future__ import annotations

from descentlab.report.answer import Answer, Entry
from descentlab.report.formats import Format, format_estimate
from descentlab.report.statistics.estimate import Estimate, estimate
from descentlab.report.statistics.ranges import bounds_of
from descentlab.report.statistics.robust import MIDDLE_EQUAL, RobustEstimate, interquartile_mean, median
from descentlab.report.tables.answers import PlainTable
from descentlab.report.tables.measures import NOT_MEASURED

FEWEST_FOR_MEDIAN = 6  # seeds; with fewer, no interval of the median has the level of the others


def robust_table(answer: Answer) -> PlainTable | None:
    """Return the locations of the compared number; None for times to target, or if no entry has at least 4 seeds."""
    counts = [len(entry.completed) for entry in answer.entries]
    if answer.by.censored or max(counts) < 4:
        return None
    title = f"Mean, median and interquartile mean of the {answer.by.label}"
    rows = [_row(entry, answer) for entry in answer.entries]
    notes = ["The interquartile mean leaves out a quarter of the seeds at each end."]
    short = min((count for count in counts if count > 1), default=0) < FEWEST_FOR_MEDIAN
    notes += ["With fewer than 6 seeds, the interval of a median is the range of the values."] if short else []
    return PlainTable(title, ["optimizer", "n", "mean", "median", "interquartile mean"], rows, notes)


def _row(entry: Entry, answer: Answer) -> list[str]:
    by, values = answer.by, [answer.by.get(run) for run in entry.completed]
    found = estimate(values, by.key)
    if found is None:
        return [entry.name, str(len(values)), *[NOT_MEASURED] * 3]
    robust = [median(values), interquartile_mean(values, bounds_of(by.key))]
    return [entry.name, str(found.n), format_estimate(found, by.format), *(_cell(each, by.format) for each in robust)]


def _cell(found: RobustEstimate | None, format: Format) -> str:
    if found is None:
        return NOT_MEASURED
    if found.interval is None:
        return format(found.value)
    interval = found.interval
    if interval.method == MIDDLE_EQUAL:
        return f"{format(found.value)} ({MIDDLE_EQUAL})"
    return format_estimate(Estimate(found.value, found.n, interval.low, interval.high, interval.method), format)
