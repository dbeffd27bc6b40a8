"""A comparison as rows of cells: a row a series, then the references; what is undefined is called so, with its reason."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from descentlab.report import origin
from descentlab.report.load import Comparison, Series, assignment, statuses
from descentlab.report.statistics.estimate import Estimate, estimate, ranked

NONE = "–"  # not measured
UNDEFINED = "undefined"
PREFIX = "baseline/test/"  # of a reference's test metrics among the reasons in a summary
LABELS = 3  # the first columns of a Grid are words, the others numbers
LONG = 60  # characters of an error in a cell; a note has all of it

Summary = Mapping[str, Any]


@dataclass(frozen=True)
class Measure:
    """One number of a run.

    Args:
        key: in the CSV.
        heading: ``{metric}`` stands for what is monitored.
        get: it from a summary; None if it was not measured, or is undefined.
        write: it as a text.
        name: under which a summary's ``undefined`` has its reason; ``{metric}`` as in the heading.
    """

    key: str
    heading: str
    get: Callable[[Summary], float | None]
    write: Callable[[float], str]
    name: str = ""

    def reason(self, summary: Summary, monitor: str) -> str:
        """Return why a run has no such number; empty if it has one, or if it was not measured."""
        return (summary.get("undefined") or {}).get(self.name.format(metric=monitor), "")


def number(value: float) -> str:
    """0.9733, 1.2e-05: four significant digits."""
    return f"{value:.4g}"


def count(value: float) -> str:
    return f"{value:,.0f}"


def seconds(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


MEASURES = (
    Measure("best_valid", "best valid {metric}", lambda summary: summary.get("best_valid"), number, "best_valid"),
    Measure(
        "test",
        "test {metric}",
        lambda summary: (summary.get("test") or {}).get(summary.get("monitor")),
        number,
        "test/{metric}",
    ),
    Measure("gap", "gap to optimum", lambda summary: summary.get("gap"), number, "gap"),
    Measure("steps", "steps", lambda summary: summary.get("steps"), count),
    Measure("gradient_evaluations", "gradient evaluations", lambda summary: summary.get("gradient_evaluations"), count),
    Measure("steps_to_target", "steps to target", lambda summary: summary.get("steps_to_target"), count),
    Measure("seconds_to_target", "seconds to target", lambda summary: summary.get("seconds_to_target"), seconds),
    Measure("train_seconds", "train seconds", lambda summary: summary.get("train_seconds"), seconds),
    Measure("tokens_per_second", "tokens per second", lambda summary: summary.get("tokens_per_second"), count),
)
COSTS = ("steps", "gradient_evaluations")


def text(found: Estimate, write: Callable[[float], str]) -> str:
    """The mean, with several seeds as in "0.9733 ± 0.0041": to the second digit of its interval's half width."""
    half = found.half_width
    if half is None:
        return write(found.mean)
    if half == 0:
        return f"{write(found.mean)} ± 0"
    decimals = 0 if write is count else max(0, 1 - math.floor(math.log10(half)))
    if decimals > 6:
        return f"{found.mean:.4g} ± {half:.2g}"
    return f"{found.mean:,.{decimals}f} ± {half:,.{decimals}f}"


@dataclass(frozen=True)
class Grid:
    """A table ready to show: a row of strings a series, the best first.

    Measures that no run has are left out, and so are COSTS where every step takes one gradient: a step is a step then.

    Args:
        headings: of the columns.
        rows: of the series.
        series: in the order of the rows.
        references: a row a baseline, after those of the series.
        hints: for each cell of `rows` and then of `references`, why it is undefined; empty if it is not.
        notes: to be read below the table: what is undefined and why, what failed, what is not strictly comparable.
    """

    headings: list[str]
    rows: list[list[str]]
    series: list[Series]
    references: list[list[str]]
    hints: list[list[str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """A baseline of a comparison's runs: its test metrics by name, why some are undefined, or the error that it failed with."""

    name: str
    test: Mapping[str, float | None]
    undefined: Mapping[str, str]
    error: str

    @property
    def status(self) -> str:
        if not self.error:
            return "baseline"
        return f"failed: {self.error if len(self.error) <= LONG else self.error[: LONG - 1] + '…'}"

    def cell(self, metric: str) -> str:
        value = self.test.get(metric)
        return number(value) if value is not None else UNDEFINED if metric in self.undefined else NONE


def references(comparison: Comparison) -> list[Reference]:
    """Return what was asked for as baseline=..., each once; one that failed in some runs only as it is in the others."""
    found: dict[str, Reference] = {}
    for run in comparison.runs:
        said = run.summary.get("baseline") or {}
        if not said or ("error" in said and said["name"] in found):
            continue
        reasons: dict[str, str] = run.summary.get("undefined") or {}
        mine = {key.removeprefix(PREFIX): reason for key, reason in reasons.items() if key.startswith(PREFIX)}
        found[said["name"]] = Reference(said["name"], said.get("test") or {}, mine, said.get("error", ""))
    return list(found.values())


def cell(series: Series, measure: Measure, monitor: str) -> str:
    """Return the mean over the completed runs; where some lack it, how many have it: their mean would flatter."""
    values = [measure.get(run.summary) for run in series.completed]
    found = estimate(values)
    if found is not None:
        return text(found, measure.write)
    known = sum(value is not None for value in values)
    if known:
        return f"{known} of {len(values)} seeds"
    return UNDEFINED if why(series, measure, monitor) else NONE


def why(series: Series, measure: Measure, monitor: str) -> str:
    """Return the reasons for which completed runs of a series lack a number."""
    reasons = (measure.reason(run.summary, monitor) for run in series.completed if measure.get(run.summary) is None)
    return "; ".join(dict.fromkeys(filter(None, reasons)))


def hyperparameters(series: Series) -> str:
    """The learning rate, then what tells the series from others."""
    lr = {key: series.settings[key] for key in ("optimizer.lr",) if key in series.settings}
    return " ".join(assignment(key, value) for key, value in (lr | series.differences).items())


def grid(comparison: Comparison, metric: str | None = None) -> Grid:
    """The table of a comparison; `metric`: what headings call the monitored one, by default its name."""
    order, monitor = ranked(comparison), comparison.monitor
    plain = all(run.summary.get("steps") == run.summary.get("gradient_evaluations") for run in comparison.runs)
    shown = [measure for measure in MEASURES if not (plain and measure.key in COSTS) and _is_known(comparison, measure)]
    headings = [measure.heading.format(metric=monitor if metric is None else metric).strip() for measure in shown]
    rows = [
        [one.optimizer, hyperparameters(one), statuses(one.runs), str(len(one.completed))]
        + [cell(one, measure, monitor) for measure in shown]
        for one in order
    ]
    found = references(comparison)
    others = [
        [each.name, "", each.status, "", *(each.cell(monitor) if measure.key == "test" else NONE for measure in shown)]
        for each in found
    ]
    hints = [["", "", "", "", *(why(one, measure, monitor) for measure in shown)] for one in order]
    hints += [
        ["", "", each.error, "", *(each.undefined.get(monitor, "") if one.key == "test" else "" for one in shown)]
        for each in found
    ]
    named = [measure.heading.format(metric=monitor).strip() for measure in shown]
    notes = _reasons([one.label for one in order] + [each.name for each in found], named, [row[4:] for row in hints])
    notes += [f"{each.name} failed: {each.error}" for each in found if each.error]
    notes += origin.notes({one.label: one.runs for one in order})
    return Grid(["optimizer", "hyperparameters", "status", "n", *headings], rows, order, others, hints, notes)


def _is_known(comparison: Comparison, measure: Measure) -> bool:
    """Return True if a run has the number, or the reason why not."""
    summaries = [run.summary for run in comparison.runs]
    return any(measure.get(each) is not None or measure.reason(each, comparison.monitor) for each in summaries)


def _reasons(labels: Sequence[str], headings: Sequence[str], hints: Sequence[Sequence[str]]) -> list[str]:
    """Return a note for each reason: what is undefined, for whom if not for all."""
    found: dict[tuple[str, str], list[str]] = {}
    for label, row in zip(labels, hints, strict=True):
        for heading, reason in zip(headings, row, strict=True):
            if reason:
                found.setdefault((heading, reason), []).append(label)
    return [
        f"{heading} undefined{'' if len(whose) == len(labels) else f' for {_some(whose)}'}: {reason}"
        for (heading, reason), whose in found.items()
    ]


def _some(labels: Sequence[str]) -> str:
    more = len(labels) - origin.SHOWN
    return ", ".join(labels[: origin.SHOWN]) + (f" and {more} more" if more > 0 else "")


def test_metrics(comparison: Comparison) -> Grid:
    """Every test metric of every series, and of the baselines; empty if there is but the one that ranks."""
    order, found = ranked(comparison), references(comparison)
    tests = [run.summary.get("test") or {} for run in comparison.runs]
    names = list(dict.fromkeys(name for test in tests for name in test))
    if not found and set(names) <= {comparison.monitor, "loss"}:
        return Grid([], [], [], [])
    measures = [_test_metric(name) for name in names]
    columns = [[cell(one, measure, "") for one in order] for measure in measures]
    shown = [measure for measure, column in zip(measures, columns, strict=True) if any(each != NONE for each in column)]
    rows = [[one.label, *(cell(one, measure, "") for measure in shown)] for one in order]
    others = [[each.name, *(each.cell(measure.key) for measure in shown)] for each in found]
    hints = [["", *(why(one, measure, "") for measure in shown)] for one in order]
    hints += [["", *(each.undefined.get(measure.key, "") for measure in shown)] for each in found]
    keys = [measure.key for measure in shown]
    notes = _reasons([row[0] for row in rows + others], keys, [row[1:] for row in hints])
    return Grid(["", *keys], rows, order, others, hints, notes)


def _test_metric(name: str) -> Measure:
    return Measure(name, name, lambda summary: (summary.get("test") or {}).get(name), number, f"test/{name}")
