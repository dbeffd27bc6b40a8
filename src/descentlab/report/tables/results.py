"""Tables of a comparison, ready to print: the results with a row per series and per baseline, and all test metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from descentlab.report import comparability
from descentlab.report.answer import Answer, Entry
from descentlab.report.criterion import is_test_function
from descentlab.report.series import Series, format_statuses
from descentlab.report.settings import format_assignment
from descentlab.report.tables.baselines import BaselineResult, baseline_results
from descentlab.report.tables.cells import cell, cell_notes, compared_cell, describe_intervals, undefined_reason
from descentlab.report.tables.measures import COSTS, MEASURES, NOT_MEASURED, Measure, of_criterion, of_test
from descentlab.store.record import Record

TEXT_COLUMNS = ("optimizer", "hyperparameters", "status")  # the first columns of a results table
LEADING = (*TEXT_COLUMNS, "n")  # the columns before those of the measures


@dataclass(frozen=True)
class ResultTable:
    """A table of strings with a row per series, the best first, and a row per baseline.

    Args:
        headings: the column names.
        rows: the cells of each series; the entries of the answer first, then defaults and settings that were not selected.
        series: the series, in the order of `rows`.
        baseline_rows: the cells of each baseline, which follow those of the series.
        tooltips: for each cell of `rows` and then of `baseline_rows`, the reason why it is undefined; empty if it is defined.
        notes: sentences to print below the table: undefined values, failures, differences between the runs' code.
        selected: the number of leading rows that are entries of the answer.
    """

    headings: list[str]
    rows: list[list[str]]
    series: list[Series]
    baseline_rows: list[list[str]]
    tooltips: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    selected: int = 0

    @property
    def all_completed(self) -> bool:
        """True if every run completed and there is no baseline; statuses then add nothing to the number of seeds."""
        return not self.baseline_rows and all(len(one.completed) == len(one.runs) for one in self.series)


def results_table(answer: Answer, metric: str | None = None) -> ResultTable:
    """Return the results of the runs of an answer.

    Measures that no run has are left out, and so are COSTS if every step takes one gradient evaluation.

    Args:
        answer: it determines the order of the rows.
        metric: the name of the monitored metric in the headings; None: its own name.
    """
    comparison, order = answer.comparison, answer.series
    monitor, baselines = comparison.monitor, baseline_results(comparison)
    shown = _shown_measures(answer)
    owners = {one.label: [entry for entry in answer.entries if entry.series.label == one.label] for one in order}
    rows = [_leading_cells(one, _row_name(one, owners[one.label])) for one in order]
    for one, row in zip(order, rows, strict=True):
        entry = next(iter(owners[one.label]), None)
        row += [compared_cell(entry, answer.by, measure) or cell(one, measure, monitor) for measure in shown]
    tooltips = [[""] * len(LEADING) + [undefined_reason(one, measure, monitor) for measure in shown] for one in order]
    tooltips += [_baseline_tooltips(each, shown, monitor) for each in baselines]
    labels = [one.label for one in order] + [each.name for each in baselines]
    notes = cell_notes(answer, [row[len(LEADING) :] for row in rows])
    notes += _undefined_notes(labels, _headings(shown, monitor), [row[len(LEADING) :] for row in tooltips])
    notes += [f"{each.name} failed: {each.error}" for each in baselines if each.error]
    notes += [note for one in order if (note := _stop_note(one))]
    notes += comparability.notes({one.label: one.runs for one in order})
    return ResultTable(
        [*LEADING, *_headings(shown, monitor if metric is None else metric)],
        rows,
        order,
        [_baseline_row(each, shown, monitor) for each in baselines],
        tooltips,
        notes,
        sum(bool(each) for each in owners.values()),
    )


def interval_note(table: ResultTable) -> str:
    """Return a sentence about the intervals of a results table, and about rows without one."""
    return describe_intervals([row[LEADING.index("n")] for row in table.rows], bool(table.baseline_rows))


def _row_name(series: Series, owners: Sequence[Entry]) -> str:
    """Return the name of a row: that of its entries (two tuned sweeps may select the same settings), or the optimizer.

    In a tuned sweep it is followed by the role of the runs.
    """
    role = {"default": " (default)", "trial": " (best trial so far)"}.get(series.role or "", "")
    return (", ".join(entry.name for entry in owners) or series.optimizer) + role


def _shown_measures(answer: Answer) -> list[Measure]:
    """Return the measures of a table, preceded by the one that is compared unless it is among them."""
    runs, monitor = answer.comparison.runs, answer.comparison.monitor
    equal_costs = all(run.summary.get("steps") == run.summary.get("gradient_evaluations") for run in runs)
    own = of_criterion(answer.by, monitor)
    measures = [measure for measure in MEASURES if not (equal_costs and measure.key in COSTS and measure.key != answer.by.key)]
    known = [measure for measure in measures if measure.key == answer.by.key or _is_known(runs, measure, monitor)]
    if is_test_function(answer.comparison):  # there is one value, without splits
        known = [replace(one, heading="{metric}") if one.key == "test" else one for one in known if one.key != "best_valid"]
    return [*([own] if own else []), *known]


def _is_known(runs: Sequence[Record], measure: Measure, monitor: str) -> bool:
    """Return True if a run has the number, or a reason why it is undefined."""
    return any(measure.get(run) is not None or measure.reason(run, monitor) for run in runs)


def _headings(measures: Sequence[Measure], metric: str) -> list[str]:
    return [measure.heading.format(metric=metric).strip() for measure in measures]


def _baseline_row(baseline: BaselineResult, measures: Sequence[Measure], monitor: str) -> list[str]:
    cells = [baseline.cell(monitor) if measure.key == "test" else NOT_MEASURED for measure in measures]
    return [baseline.name, "", baseline.status, "", *cells]


def _baseline_tooltips(baseline: BaselineResult, measures: Sequence[Measure], monitor: str) -> list[str]:
    reason = baseline.undefined.get(monitor, "")
    return ["", "", baseline.error, "", *(reason if measure.key == "test" else "" for measure in measures)]


def _leading_cells(series: Series, name: str) -> list[str]:
    """Return the cells of LEADING; hyperparameters that are part of the name are not repeated."""
    others = [word for word in hyperparameters(series).split(" ") if word not in name.split(" ")]
    return [name, " ".join(others), format_statuses(series.runs), str(len(series.completed))]


def hyperparameters(series: Series) -> str:
    """Return the learning rate, followed by the settings that distinguish the series."""
    lr = {key: series.settings[key] for key in ("optimizer.lr",) if key in series.settings}
    return " ".join(format_assignment(key, value) for key, value in (lr | series.differences).items())


def _stop_note(series: Series) -> str:
    """Return how many runs a stop rule ended before their budget, at which steps, and the first one's reason."""
    stopped = [run for run in series.completed if run.reason]
    if not stopped:
        return ""
    steps = sorted(run.summary.get("steps") or 0 for run in stopped)
    at = f"step {steps[0]:,}" if steps[0] == steps[-1] else f"steps {steps[0]:,} to {steps[-1]:,}"
    count = f"{len(stopped)} of {len(series.completed)} runs stopped" if len(series.completed) > 1 else "stopped"
    first = "" if len({run.reason for run in stopped}) == 1 else ", for example"
    return f"{series.label}: {count} before the end of the budget, at {at}{first}: {stopped[0].reason}"


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


def metrics_table(answer: Answer) -> ResultTable:
    """Return all test metrics of the series and the baselines.

    The table is empty if the results table already shows every metric: if there is no baseline, and no test metric other than
    the monitored one and the loss.
    """
    comparison, order = answer.comparison, answer.series
    baselines = baseline_results(comparison)
    tests = [run.summary.get("test") or {} for run in comparison.runs]
    names = list(dict.fromkeys(name for test in tests for name in test))
    if not baselines and set(names) <= {comparison.monitor, "loss"}:
        return ResultTable([], [], [], [])
    measures = [of_test(name) for name in names]
    shown = [measure for measure in measures if any(cell(one, measure, "") != NOT_MEASURED for one in order)]
    keys = [measure.key for measure in shown]
    rows = [[one.label, str(len(one.completed)), *(cell(one, measure, "") for measure in shown)] for one in order]
    baseline_rows = [[each.name, "", *map(each.cell, keys)] for each in baselines]
    tooltips = [["", "", *(undefined_reason(one, measure, "") for measure in shown)] for one in order]
    tooltips += [["", "", *(each.undefined.get(key, "") for key in keys)] for each in baselines]
    notes = [describe_intervals([row[1] for row in rows], bool(baselines))]
    notes += cell_notes(answer, [row[2:] for row in [*rows, *baseline_rows]])
    notes += _undefined_notes([row[0] for row in rows + baseline_rows], keys, [row[2:] for row in tooltips])
    return ResultTable(["", "n", *keys], rows, order, baseline_rows, tooltips, list(filter(None, notes)))
