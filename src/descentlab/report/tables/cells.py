"""Cells of tables: a mean with its interval, or the reason why there is none; and the notes that explain them."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.answer import Answer, Entry
from descentlab.report.criterion import Criterion
from descentlab.report.formats import format_estimate
from descentlab.report.series import Series
from descentlab.report.tables.measures import NOT_MEASURED, NOT_REACHED, UNDEFINED, Measure

REACHED = " reached"  # the end of a cell with the number of runs that reached the target
SEEDS = " seeds"  # the end of a cell with the number of runs that have the number


def cell(series: Series, measure: Measure, monitor: str) -> str:
    """Return the mean over the completed runs with its interval, or the reason why there is none."""
    found = measure.estimate(series.completed, monitor)
    return reason_cell(series, measure, monitor) if found is None else format_estimate(found, measure.format)


def reason_cell(series: Series, measure: Measure, monitor: str) -> str:
    """Return the reason why a series has no mean of a number.

    If some of its completed runs lack the number, that is how many have it: a mean over those would be biased.
    """
    values = [measure.get(run) for run in series.completed]
    known = sum(value is not None for value in values)
    if known:
        return f"{known} of {len(values)}{REACHED if measure.is_time_to_target else SEEDS}"
    if measure.is_time_to_target and any(run.summary.get("target") is not None for run in series.completed):
        return NOT_REACHED
    return UNDEFINED if undefined_reason(series, measure, monitor) else NOT_MEASURED


def compared_cell(entry: Entry | None, by: Criterion, measure: Measure) -> str:
    """Return the mean of the time to target by which an entry is ranked: restricted, if a run did not reach the target in time.

    "" for other entries and other measures: their cells are those of `cell`.
    """
    if entry is None or entry.survival is None or not by.censored or measure.key != by.key:
        return ""
    reached, n = entry.survival.reached, entry.survival.n
    if entry.estimate is None:
        return f"{reached} of {n}{REACHED}" if reached else NOT_REACHED
    if reached == n and entry.survival.times[-1] <= entry.survival.horizon:
        return format_estimate(entry.estimate, by.format)
    end = "" if entry.estimate.low is not None else ", no interval"
    return f"{format_estimate(entry.estimate, by.format)} ({reached} of {n}{REACHED}{end})"


def undefined_reason(series: Series, measure: Measure, monitor: str) -> str:
    """Return the reasons why completed runs of a series lack a number, separated by "; "."""
    reasons = (measure.reason(run, monitor) for run in series.completed if measure.get(run) is None)
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def describe_intervals(counts: Sequence[str], has_baselines: bool = False) -> str:
    """Return a sentence about the intervals of a table, and about rows without one.

    Args:
        counts: the cells of the column n.
        has_baselines: True if the table has rows of baselines.
    """
    single = "one seed (n = 1) gives no interval" if "1" in counts else ""
    several = "[low, high] is the 95 % interval of the mean over n seeds" if set(counts) - {"0", "1"} else ""
    baseline = "a baseline is fitted once, without seeds" if has_baselines else ""
    return "; ".join(filter(None, [several, single, baseline]))


def cell_notes(answer: Answer, rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the explanation of each kind of cell without an interval that occurs in `rows`."""
    cells = [text for row in rows for text in row]
    notes: list[str] = []
    if any(text.endswith(SEEDS) for text in cells):
        notes.append(f"k of n{SEEDS}: the other runs lack the number, and a mean without them would be biased")
    if any(text.endswith(REACHED) and text != NOT_REACHED for text in cells):
        notes.append(f"k of n{REACHED}: the time has no mean, since the other runs did not reach the target")
    if any(REACHED in text and text.endswith(")") for text in cells):
        notes.append(_restriction(answer))
    if any(text == NOT_MEASURED for row in rows if set(row) != {NOT_MEASURED} for text in row):
        notes.append(f"{NOT_MEASURED}: not measured")
    return notes


def _restriction(answer: Answer) -> str:
    """Return a sentence about restricted means of times to target; the entries share the horizon."""
    horizon = next(entry.survival.horizon for entry in answer.entries if entry.survival is not None)
    return (
        f"(k of n{REACHED}): a mean restricted to {answer.by.format(horizon)} {answer.by.unit}, which counts the runs that did "
        "not reach the target by then"
    )
