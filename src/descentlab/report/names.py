"""Names of entries: distinct ones for entries of several sweeps, and names followed by the selected settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from descentlab.report.answer import Entry
from descentlab.report.settings import Settings, format_assignment, format_value, varying_keys

MAX_SETTINGS = 4  # of the best entry in a statement
FEW_SETTINGS = 2  # an entry with more is named without them where it is not the subject of the statement
Describe = Callable[[Sequence[Entry]], list[str]]  # a description of each of several entries


def with_distinct_names(found: Sequence[Entry]) -> list[Entry]:
    """Return the entries in their order with distinct names.

    Where several have one name, the first of these that differs between them is appended to it, and further ones until the
    names are distinct: the sweeps of their runs, their search ranges, the number of settings tried, the label of their series,
    and at last their position among the entries with this name.
    """
    named = list(found)
    for describe in (_sweeps, _ranges, _trials, _labels, _positions):
        named = _appended(named, describe)
    return named


def _appended(found: Sequence[Entry], describe: Describe) -> list[Entry]:
    """Return the entries with their descriptions appended where names are equal and the descriptions are not."""
    named = list(found)
    for name in {entry.name for entry in found}:
        indices = [index for index, entry in enumerate(found) if entry.name == name]
        texts = describe([found[index] for index in indices]) if len(indices) > 1 else []
        if len(set(texts)) > 1:
            for index, text in zip(indices, texts, strict=True):
                named[index] = replace(found[index], name=f"{name} ({text})")
    return named


def _sweeps(same: Sequence[Entry]) -> list[str]:
    """Return the sweeps of the runs by which each entry was selected."""
    runs = [[run for one in entry.alternatives or [entry.series] for run in one.runs] for entry in same]
    return [", ".join(dict.fromkeys(run.sweep for run in each)) for each in runs]


def _ranges(same: Sequence[Entry]) -> list[str]:
    """Return the search ranges in which the entries differ; the settings of a grid have none."""
    spaces = [{} if entry.arm is None else {key: _range(spec) for key, spec in entry.arm.space.items()} for entry in same]
    keys = varying_keys(spaces)
    shown = [[f"{key.removeprefix('optimizer.')} {space[key]}" for key in keys if key in space] for space in spaces]
    return [", ".join(each) or "not searched" for each in shown]


def _range(spec: object) -> str:
    if isinstance(spec, Mapping) and {"low", "high"} <= {*spec}:
        return f"{spec['low']:g} to {spec['high']:g}"
    if isinstance(spec, Sequence) and not isinstance(spec, str) and len(spec) == 2:
        return f"{spec[0]:g} to {spec[1]:g}"
    return format_value(spec)


def _trials(same: Sequence[Entry]) -> list[str]:
    return [f"{entry.candidates} settings" for entry in same]


def _labels(same: Sequence[Entry]) -> list[str]:
    return [entry.series.label for entry in same]


def _positions(same: Sequence[Entry]) -> list[str]:
    return [str(position) for position, _ in enumerate(same, 1)]


def selected_settings(entry: Entry) -> Settings:
    """Return the settings that distinguish the selected candidate of an entry from the others, by dotted key.

    In a tuned sweep, these are the searched keys. Empty if the entry has a single candidate and was not tuned.
    """
    if entry.arm is None:
        varied = varying_keys([one.settings for one in entry.alternatives])
        return {key: entry.series.settings[key] for key in varied if key in entry.series.settings}
    points = {trial.index: trial.point for trial in entry.arm.trials}
    if entry.arm.selected is not None and entry.arm.selected in points:
        return dict(points[entry.arm.selected])
    searched = dict.fromkeys(key for point in points.values() for key in point)
    return {key: entry.series.settings[key] for key in searched if key in entry.series.settings}


def name_best(entry: Entry) -> str:
    """Return the name of an entry, followed by its selected settings if it has any: "adam (lr=0.003)"."""
    shown = [format_assignment(key, value) for key, value in selected_settings(entry).items()]
    more = f" and {len(shown) - MAX_SETTINGS} more" if len(shown) > MAX_SETTINGS else ""
    return f"{entry.name} ({', '.join(shown[:MAX_SETTINGS])}{more})" if shown else entry.name


def name_other(entry: Entry) -> str:
    """Return the name of an entry, followed by its selected settings unless there are more than FEW_SETTINGS."""
    return name_best(entry) if len(selected_settings(entry)) <= FEW_SETTINGS else entry.name
