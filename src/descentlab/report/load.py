"""Read the records of sweeps and group them: runs into series (they differ in seeds only), series by problem and data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from descentlab.report import origin
from descentlab.store.record import NOT_IDENTITY, Record, Status, find

SEEDS = ("seed", "data_seed")
IRRELEVANT = NOT_IDENTITY | set(SEEDS)
WITH_OPTIMIZER = ("groups", "auxiliary", "needs")  # nodes that an optimizer's file sets beside its own
MISSING = object()

Settings = dict[str, Any]


@dataclass(frozen=True)
class Series:
    """Runs that differ in their seeds only. `settings`: dotted config keys and the choices of config groups."""

    label: str
    settings: Settings
    differences: Settings  # the settings that tell it from the others of its comparison
    runs: list[Record]
    data: str = ""  # the digest of their data

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
    """The series of one problem on the same data, in the order they were found.

    Args:
        problem: its name in the config.
        series: all of it.
        name: the problem's, made distinct where the problem was trained on several data sets.
    """

    problem: str
    series: list[Series]
    name: str = ""

    @property
    def runs(self) -> list[Record]:
        return [run for series in self.series for run in series.runs]

    @property
    def monitor(self) -> str:
        """The validation metric that ranks, without "valid/"."""
        return self._first("monitor") or "metric"

    @property
    def mode(self) -> str:
        return self._first("mode") or "max"

    @property
    def targets(self) -> list[float]:
        values = {run.summary.get("target", run.config.get("target")) for run in self.runs}
        return sorted(value for value in values if value is not None)

    def _first(self, key: str) -> str | None:
        """What the first run that knows says of `key`; a failed run knows it from its config only."""
        said = (run.summary.get(key) or (run.config.get("task") or {}).get(key) for run in self.runs)
        return next(filter(None, said), None)


@dataclass(frozen=True)
class Loaded:
    """Everything that a report shows. `repeated` counts runs that several sweeps hold; each is compared once."""

    sweeps: list[Path]
    comparisons: list[Comparison]
    repeated: int

    @property
    def series(self) -> list[Series]:
        return [series for comparison in self.comparisons for series in comparison.series]

    @property
    def runs(self) -> list[Record]:
        return [run for comparison in self.comparisons for run in comparison.runs]


def load(sweeps: Sequence[Path]) -> Loaded:
    """The runs below the folders `sweeps`, grouped.

    Raises:
        FileNotFoundError: a folder holds no record that can be read.
    """
    found = [record for sweep in sweeps for record in _records(sweep)]
    runs = _distinct(found)
    data = origin.data_keys(runs)
    groups: dict[tuple[str, str], dict[str, list[Record]]] = {}  # problem and data -> series -> runs
    for run in runs:
        group = groups.setdefault((settings_of(run)["problem"], data[run.id]), {})
        group.setdefault(_series_key(run), []).append(run)
    names = _names(groups)
    comparisons = [
        Comparison(key[0], _series(list(each.values()), names[key] if len(groups) > 1 else "", key[1]), names[key])
        for key, each in groups.items()
    ]
    return Loaded(list(sweeps), comparisons, repeated=len(found) - len(runs))


def _names(groups: Mapping[tuple[str, str], Mapping[str, list[Record]]]) -> dict[tuple[str, str], str]:
    """Return the name of each comparison: its problem's, where that is not on several data sets."""
    named: dict[tuple[str, str], str] = {}
    for problem in dict.fromkeys(problem for problem, _ in groups):
        keys = [key for key in groups if key[0] == problem]
        firsts = [next(iter(groups[key].values()))[0] for key in keys]
        named |= dict(zip(keys, origin.distinct_names(problem, firsts, [digest for _, digest in keys]), strict=True))
    return named


def _records(sweep: Path) -> list[Record]:
    if not sweep.is_dir():
        raise FileNotFoundError(f"there is no folder {sweep}")
    records = find(sweep)
    if not records:
        raise FileNotFoundError(f"no run has left a record below {sweep}")
    return records


def _distinct(found: Sequence[Record]) -> list[Record]:
    """One record an id: counted twice, a run would narrow the interval it enters. The latest result wins."""
    kept: dict[str, Record] = {}
    for record in found:
        if record.id not in kept or record.status.is_result:
            kept[record.id] = record
    return list(kept.values())


def settings_of(run: Record) -> Settings:
    """The settings that matter: dotted config keys, and choices under their group's name."""
    choices = {group: choice for group, choice in run.choices.items() if group.split("/")[0] not in IRRELEVANT}
    return {"problem": "unknown", "optimizer": "unknown", **_relevant_config(run), **choices}


def _relevant_config(run: Record) -> Settings:
    return flatten({key: value for key, value in run.config.items() if key not in IRRELEVANT})


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Settings:
    """`tree` with dotted keys; lists and empty mappings stay whole."""
    return dict(_leaves(tree, prefix))


def _leaves(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _series_key(run: Record) -> str:
    chosen = [run.choices.get("problem"), run.choices.get("optimizer")]
    return json.dumps([chosen, _relevant_config(run)], sort_keys=True, default=str)


def _series(groups: Sequence[list[Record]], name: str, data: str) -> list[Series]:
    """Return the series of one comparison, whose `name` is part of their labels unless it is empty."""
    every = [settings_of(runs[0]) for runs in groups]
    varied = varying(every)
    made: list[Series] = []
    for mine, runs in zip(every, groups, strict=True):
        differences = _differences(mine, every, varied)
        made.append(Series(_label(mine, differences, len(runs), name), mine, differences, runs, data))
    return made


def varying(settings: Sequence[Settings]) -> list[str]:
    """The keys that are not the same, or not there, in all of `settings`."""
    keys = dict.fromkeys(key for one in settings for key in one)
    return [key for key in keys if any(one.get(key, MISSING) != settings[0].get(key, MISSING) for one in settings)]


def _differences(mine: Settings, rivals: Sequence[Settings], varied: Sequence[str]) -> Settings:
    """What tells `mine` from `rivals` beside the optimizer's name."""
    keys = [key for key in varied if key in mine and key != "optimizer"]
    return {key: mine[key] for key in keys if any(_differs(key, mine, rival) for rival in rivals)}


def _differs(key: str, mine: Settings, rival: Settings) -> bool:
    """Whether `rival` has another value; a group's keys are compared only where both chose the same of that group."""
    group, dot, _ = key.partition(".")
    if group in WITH_OPTIMIZER:
        group, dot = "optimizer", "."
    comparable = not dot or mine.get(group) == rival.get(group)
    return comparable and rival.get(key, MISSING) != mine[key]


def _label(settings: Settings, differences: Settings, seeds: int, name: str) -> str:
    words = [f"{name} / {settings['optimizer']}" if name else settings["optimizer"]]
    words += map(assignment, differences, differences.values())
    return " ".join(words) + (f" ({seeds} seeds)" if seeds > 1 else "")


def assignment(key: str, value: Any) -> str:
    """`lr=0.1`: the way to type it, without the prefix that every optimizer shares."""
    return f"{key.removeprefix('optimizer.')}={show(value)}"


def show(value: Any) -> str:
    """A config value as the command line writes it."""
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def statuses(runs: Sequence[Record]) -> str:
    """Such as "2 completed, 1 diverged at step 12"; of one run without the number."""
    counts = Counter(run.status for run in runs)
    numbers = {status: f"{counts[status]} " if len(runs) > 1 else "" for status in counts}
    return ", ".join(f"{numbers[status]}{status}{_when(status, runs)}" for status in Status if counts[status])


def _when(status: Status, runs: Sequence[Record]) -> str:
    steps = sorted({run.summary["diverged_step"] for run in runs if run.summary.get("diverged_step") is not None})
    if status is not Status.DIVERGED or not 0 < len(steps) <= 3:
        return ""
    return f" at step{'s' if len(steps) > 1 else ''} {', '.join(map(str, steps))}"
