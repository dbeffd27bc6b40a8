"""Series (runs that differ in their seeds only) and comparisons (the series of one problem on the same data)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from descentlab.report.settings import Settings, differences, format_assignment, settings_of, varying_keys
from descentlab.report.statistics.curves import curves_by_id
from descentlab.store.manifest import Arm, Role
from descentlab.store.record import Record, Status

ROLE_NAMES: Mapping[Role, str] = {"report": "tuned", "default": "default", "trial": "trial", "superseded": "superseded"}
MAX_DIVERGED_STEPS = 3  # a status lists the steps of divergence only up to this number of them


@dataclass(frozen=True)
class Series:
    """Runs that differ in their seeds only.

    Args:
        label: the name of the series in tables and panels.
        settings: dotted config keys and the chosen options of config groups.
        differences: the settings that distinguish the series from the others of its comparison.
        runs: the records, one per seed.
        data: the digest of the data of its runs.
        role: in a tuned sweep, the role of its runs: trial, report (of the selected settings) or default; otherwise None.
    """

    label: str
    settings: Settings
    differences: Settings
    runs: list[Record]
    data: str = ""
    role: Role | None = None

    @property
    def problem(self) -> str:
        return self.settings["problem"]

    @property
    def optimizer(self) -> str:
        return self.settings["optimizer"]

    @property
    def completed(self) -> list[Record]:
        return [run for run in self.runs if run.status is Status.COMPLETED]

    @property
    def incomplete(self) -> list[Record]:
        return [run for run in self.runs if run.status is not Status.COMPLETED]


@dataclass(frozen=True)
class Comparison:
    """The series of one problem on the same data, in the order in which they were found.

    Args:
        problem: the problem's name in the config.
        series: the series to compare and to draw; of a tuned sweep, those of the selected and of the default settings.
        name: the problem's name, followed by the data set if the problem was trained on several.
        trials: the series of the trials of a tuned sweep, which are not compared.
        arms: the arms of a tuned sweep that belong to this comparison.
    """

    problem: str
    series: list[Series]
    name: str = ""
    trials: list[Series] = field(default_factory=list)
    arms: list[Arm] = field(default_factory=list)

    @cached_property
    def runs(self) -> list[Record]:
        """The runs of `series`."""
        return [run for series in self.series for run in series.runs]

    @cached_property
    def all_runs(self) -> list[Record]:
        """The runs of `series` and of `trials`; each once."""
        runs = [run for series in (*self.series, *self.trials) for run in series.runs]
        return list({run.id: run for run in runs}.values())

    @cached_property
    def curves(self) -> dict[str, pl.DataFrame]:
        """The curves of `all_runs` by run id; see `run_curves` for the columns."""
        return curves_by_id(self.all_runs)

    @cached_property
    def monitor(self) -> str:
        """The name of the validation metric that ranks the series, without the prefix "valid/"."""
        return _first("monitor", self.runs) or "metric"

    @cached_property
    def mode(self) -> str:
        """The direction of the metric: "max" if higher values are better, "min" if lower values are."""
        return direction_of(self.runs)

    @cached_property
    def targets(self) -> list[float]:
        """The distinct target values of the runs, ascending."""
        values = {run.summary.get("target", run.config.get("target")) for run in self.runs}
        return sorted(value for value in values if value is not None)


def direction_of(runs: Iterable[Record]) -> str:
    """Return the better direction of the monitored metric of `runs`, "max" or "min"; "max" if none of them has it."""
    return _first("mode", runs) or "max"


def _first(key: str, runs: Iterable[Record]) -> str | None:
    """Return `key` from the first run that has it, in its summary or (a failed run) in its config."""
    values = (run.summary.get(key) or (run.config.get("task") or {}).get(key) for run in runs)
    return next(filter(None, values), None)


@dataclass(frozen=True)
class Group:
    """The runs of a series before it is named.

    Args:
        runs: runs that differ in their seeds only.
        role: their role in a tuned sweep, or None.
    """

    runs: list[Record]
    role: Role | None = None


def build_series(groups: Sequence[Group], name: str, data: str) -> list[Series]:
    """Return the series of one comparison.

    Args:
        groups: the runs of each series.
        name: the comparison's name, a prefix of all labels; "" for labels without a prefix.
        data: the digest of the comparison's data.
    """
    settings = [settings_of(group.runs[0]) for group in groups]
    varied = varying_keys(settings)
    built: list[Series] = []
    for own, group in zip(settings, groups, strict=True):
        distinct = differences(own, settings, varied)
        built.append(Series(_label(own, distinct, group, name), own, distinct, group.runs, data, group.role))
    return built


def _label(settings: Settings, distinct: Settings, group: Group, name: str) -> str:
    """Return a label such as "adam lr=0.1 (3 seeds)" or "adam lr=0.1 (tuned, 3 seeds)"."""
    words = [f"{name} / {settings['optimizer']}" if name else settings["optimizer"]]
    words += map(format_assignment, distinct, distinct.values())
    facts = [] if group.role is None else [ROLE_NAMES[group.role]]
    facts += [f"{len(group.runs)} seeds"] if len(group.runs) > 1 else []
    return " ".join(words) + (f" ({', '.join(facts)})" if facts else "")


def format_statuses(runs: Sequence[Record]) -> str:
    """Return the number of runs with each status, such as "2 completed, 1 diverged at step 12"; one run has no number."""
    counts = Counter(run.status for run in runs)
    numbers = {status: f"{counts[status]} " if len(runs) > 1 else "" for status in counts}
    return ", ".join(f"{numbers[status]}{status}{_steps(status, runs)}" for status in Status if counts[status])


def _steps(status: Status, runs: Sequence[Record]) -> str:
    """Return the steps at which runs diverged, such as " at steps 12, 30"; empty for other statuses or too many steps."""
    steps = sorted({run.summary["diverged_step"] for run in runs if run.summary.get("diverged_step") is not None})
    if status is not Status.DIVERGED or not 0 < len(steps) <= MAX_DIVERGED_STEPS:
        return ""
    return f" at step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"
