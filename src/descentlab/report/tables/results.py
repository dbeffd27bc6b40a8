"""Tables of a comparison, ready to print: the results with a row per series and per baseline, and all test metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from descentlab.report import comparability
from descentlab.report.series import Comparison, Series, format_statuses
from descentlab.report.settings import format_assignment
from descentlab.report.statistics.estimate import estimate
from descentlab.report.statistics.ranking import ranked
from descentlab.report.tables.baselines import BaselineResult, baseline_results
from descentlab.report.tables.measures import COSTS, MEASURES, NOT_MEASURED, UNDEFINED, Measure, format_estimate, of_test

TEXT_COLUMNS = ("optimizer", "hyperparameters", "status")  # the first columns of a results table
LEADING = (*TEXT_COLUMNS, "n")  # the columns before those of the measures


@dataclass(frozen=True)
class ResultTable:
    """A table of strings with a row per series, the best first, and a row per baseline.

    Args:
        headings: the column names.
        rows: the cells of each series.
        series: the series, in the order of `rows`.
        baseline_rows: the cells of each baseline, which follow those of the series.
        tooltips: for each cell of `rows` and then of `baseline_rows`, the reason why it is undefined; empty if it is defined.
        notes: sentences to print below the table: undefined values, failures, differences between the runs' code.
    """

    headings: list[str]
    rows: list[list[str]]
    series: list[Series]
    baseline_rows: list[list[str]]
    tooltips: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def results_table(comparison: Comparison, metric: str | None = None) -> ResultTable:
    """Return the results of a comparison.

    Measures that no run has are left out, and so are COSTS if every step takes one gradient evaluation.

    Args:
        comparison: the series to tabulate.
        metric: the name of the monitored metric in the headings; None: its own name.
    """
    order, monitor, baselines = ranked(comparison), comparison.monitor, baseline_results(comparison)
    shown = _shown_measures(comparison)
    rows = [
        [one.optimizer, hyperparameters(one), format_statuses(one.runs), str(len(one.completed))]
        + [cell(one, measure, monitor) for measure in shown]
        for one in order
    ]
    tooltips = [[""] * len(LEADING) + [undefined_reason(one, measure, monitor) for measure in shown] for one in order]
    tooltips += [_baseline_tooltips(each, shown, monitor) for each in baselines]
    labels = [one.label for one in order] + [each.name for each in baselines]
    notes = _undefined_notes(labels, _headings(shown, monitor), [row[len(LEADING) :] for row in tooltips])
    notes += [f"{each.name} failed: {each.error}" for each in baselines if each.error]
    notes += comparability.notes({one.label: one.runs for one in order})
    return ResultTable(
        [*LEADING, *_headings(shown, monitor if metric is None else metric)],
        rows,
        order,
        [_baseline_row(each, shown, monitor) for each in baselines],
        tooltips,
        notes,
    )


def _shown_measures(comparison: Comparison) -> list[Measure]:
    equal_costs = all(run.summary.get("steps") == run.summary.get("gradient_evaluations") for run in comparison.runs)
    return [measure for measure in MEASURES if not (equal_costs and measure.key in COSTS) and _is_known(comparison, measure)]


def _is_known(comparison: Comparison, measure: Measure) -> bool:
    """Return True if a run has the number, or a reason why it is undefined."""
    summaries = [run.summary for run in comparison.runs]
    return any(measure.get(each) is not None or measure.reason(each, comparison.monitor) for each in summaries)


def _headings(measures: Sequence[Measure], metric: str) -> list[str]:
    return [measure.heading.format(metric=metric).strip() for measure in measures]


def _baseline_row(baseline: BaselineResult, measures: Sequence[Measure], monitor: str) -> list[str]:
    cells = [baseline.cell(monitor) if measure.key == "test" else NOT_MEASURED for measure in measures]
    return [baseline.name, "", baseline.status, "", *cells]


def _baseline_tooltips(baseline: BaselineResult, measures: Sequence[Measure], monitor: str) -> list[str]:
    reason = baseline.undefined.get(monitor, "")
    return ["", "", baseline.error, "", *(reason if measure.key == "test" else "" for measure in measures)]


def cell(series: Series, measure: Measure, monitor: str) -> str:
    """Return the mean over the completed runs.

    If some of them lack the number, return how many have it: a mean over those would be biased.
    """
    values = [measure.get(run.summary) for run in series.completed]
    found = estimate(values)
    if found is not None:
        return format_estimate(found, measure.format)
    known = sum(value is not None for value in values)
    if known:
        return f"{known} of {len(values)} seeds"
    return UNDEFINED if undefined_reason(series, measure, monitor) else NOT_MEASURED


def undefined_reason(series: Series, measure: Measure, monitor: str) -> str:
    """Return the reasons why completed runs of a series lack a number, separated by "; "."""
    reasons = (measure.reason(run.summary, monitor) for run in series.completed if measure.get(run.summary) is None)
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def hyperparameters(series: Series) -> str:
    """Return the learning rate, followed by the settings that distinguish the series."""
    lr = {key: series.settings[key] for key in ("optimizer.lr",) if key in series.settings}
    return " ".join(format_assignment(key, value) for key, value in (lr | series.differences).items())


def _undefined_notes(labels: Sequence[str], headings: Sequence[str], tooltips: Sequence[Sequence[str]]) -> list[str]:
    """Return a note for each undefined column and reason, with the rows it concerns unless it concerns all."""
    found: dict[tuple[str, str], list[str]] = {}
    for label, row in zip(labels, tooltips, strict=True):
        for heading, reason in zip(headings, row, strict=True):
            if reason:
                found.setdefault((heading, reason), []).append(label)
    return [
        f"{heading} undefined{'' if len(rows) == len(labels) else f' for {comparability.list_labels(rows)}'}: {reason}"
        for (heading, reason), rows in found.items()
    ]


def metrics_table(comparison: Comparison) -> ResultTable:
    """Return all test metrics of the series and the baselines.

    The table is empty if the results table already shows every metric: if there is no baseline, and no test metric other than
    the monitored one and the loss.
    """
    order, baselines = ranked(comparison), baseline_results(comparison)
    tests = [run.summary.get("test") or {} for run in comparison.runs]
    names = list(dict.fromkeys(name for test in tests for name in test))
    if not baselines and set(names) <= {comparison.monitor, "loss"}:
        return ResultTable([], [], [], [])
    measures = [of_test(name) for name in names]
    shown = [measure for measure in measures if any(cell(one, measure, "") != NOT_MEASURED for one in order)]
    keys = [measure.key for measure in shown]
    rows = [[one.label, *(cell(one, measure, "") for measure in shown)] for one in order]
    baseline_rows = [[each.name, *map(each.cell, keys)] for each in baselines]
    tooltips = [["", *(undefined_reason(one, measure, "") for measure in shown)] for one in order]
    tooltips += [["", *(each.undefined.get(key, "") for key in keys)] for each in baselines]
    notes = _undefined_notes([row[0] for row in rows + baseline_rows], keys, [row[1:] for row in tooltips])
    return ResultTable(["", *keys], rows, order, baseline_rows, tooltips, notes)
