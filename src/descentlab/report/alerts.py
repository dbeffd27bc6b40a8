"""The alerts of runs: what the rules of descentlab.diagnostics.alerts found while they trained, as the report shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descentlab.report.answer import Answer
from descentlab.report.series import Series
from descentlab.store.record import Record

MOST_FIXES = 6  # of an alert that the page lists


@dataclass(frozen=True)
class AlertLine:
    """An alert, for all runs of a series in which the same rule found the same layer.

    Attributes:
        series: the label of the series.
        entry: the name of the optimizer.
        rule: the name of the rule.
        layer: the layer that it concerns; "": the whole model.
        message: the sentence of the run in which it is visible first.
        steps: the least and the greatest step since which it is visible.
        found: the number of runs that have it.
        runs: the number of runs of the series.
        fixes: overrides for the command line, the best one first.
    """

    series: str
    entry: str
    rule: str
    layer: str
    message: str
    steps: tuple[int, int]
    found: int
    runs: int
    fixes: Sequence[str]

    @property
    def name(self) -> str:
        """The rule, in words."""
        return self.rule.replace("_", " ")

    @property
    def since(self) -> str:
        """The step or the steps since which it is visible, such as "step 0" or "steps 10 to 30"."""
        return _steps(*self.steps)

    @property
    def where(self) -> str:
        """The layer in a sentence; "" for the whole model."""
        return f" in {self.layer}" if self.layer else ""

    @property
    def mark(self) -> str:
        """The text of the mark in plots of curves."""
        shown = f" ({self.found} of {self.runs} runs)" if self.runs > 1 else ""
        return f"▲ {self.entry}: {self.name}{self.where} since {self.since}{shown}"


@dataclass(frozen=True)
class AlertGroup:
    """The alerts of several optimizers with the same rule, layer and fixes: an item of the page's list.

    Attributes:
        lines: in the order of the optimizers; at least one.
    """

    lines: Sequence[AlertLine]

    @property
    def first(self) -> AlertLine:
        """The line whose alert is visible first."""
        return min(self.lines, key=lambda line: line.steps)

    @property
    def since(self) -> str:
        """The step or the steps since which the alerts are visible."""
        return _steps(min(line.steps[0] for line in self.lines), max(line.steps[1] for line in self.lines))

    @property
    def owners(self) -> str:
        """The optimizers, with the numbers of runs where there are several seeds."""
        return ", ".join(
            f"{line.entry} ({line.found} of {line.runs} runs)" if line.runs > 1 else line.entry for line in self.lines
        )


def alert_groups(answer: Answer) -> list[AlertGroup]:
    """Return the alerts of the entries of an answer, the earliest first."""
    groups: dict[tuple[str, ...], list[AlertLine]] = {}
    for line in alert_lines(answer):
        groups.setdefault((line.rule, line.layer, *line.fixes), []).append(line)
    return sorted(map(AlertGroup, groups.values()), key=lambda group: group.first.steps)


def alert_lines(answer: Answer) -> list[AlertLine]:
    """Return the alerts of the entries of an answer, in their order and the earliest first."""
    return [line for entry in answer.entries for line in series_alerts(entry.series, entry.name)]


def alerts_elsewhere(answer: Answer) -> int:
    """Return the number of other runs with an alert: of settings that were not selected, and of trials."""
    shown = {run.id for entry in answer.entries for run in entry.series.runs}
    return sum(bool(alerts_of(run)) for run in answer.comparison.all_runs if run.id not in shown)


def series_alerts(series: Series, name: str) -> list[AlertLine]:
    """Return the alerts of the runs of a series, the earliest first.

    Args:
        series: its runs.
        name: the name of its optimizer on the page.
    """
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for run in series.runs:
        for alert in alerts_of(run):
            found.setdefault((str(alert["rule"]), str(alert.get("layer") or "")), []).append(alert)
    lines = [_line(series, name, rule, layer, alerts) for (rule, layer), alerts in found.items()]
    return sorted(lines, key=lambda line: line.steps)


def alerts_of(run: Record) -> Sequence[Mapping[str, Any]]:
    """Return the alerts in the record of a run, as `descentlab.diagnostics.alerts.alert.Alert` defines them."""
    return run.summary.get("alerts") or []


def _line(series: Series, name: str, rule: str, layer: str, alerts: Sequence[Mapping[str, Any]]) -> AlertLine:
    first = min(alerts, key=lambda alert: alert["step"])
    steps = (int(first["step"]), max(int(alert["step"]) for alert in alerts))
    fixes = list(dict.fromkeys(fix for alert in alerts for fix in alert.get("fixes") or []))[:MOST_FIXES]
    message = str(first.get("message") or "")
    return AlertLine(series.label, name, rule, layer, message, steps, len(alerts), len(series.runs), fixes)


def _steps(first: int, last: int) -> str:
    return f"step {first:,}" if first == last else f"steps {first:,} to {last:,}"
