"""Selection: one entry for each optimizer of a comparison, at the settings that were best on validation data."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from descentlab.report.answer import Entry
from descentlab.report.criterion import Criterion
from descentlab.report.series import Comparison, Series
from descentlab.report.settings import OPTIMIZER_NODES, Settings, format_assignment
from descentlab.report.statistics.estimate import Estimate, estimate
from descentlab.report.statistics.interval import EQUAL
from descentlab.report.statistics.ranking import ranked
from descentlab.report.statistics.survival import Survival
from descentlab.report.times import survivals
from descentlab.store.manifest import Arm
from descentlab.store.record import Record, Status


def entries(comparison: Comparison, by: Criterion) -> list[Entry]:
    """Return the entries of a comparison, the best by the criterion first.

    In a tuned sweep each arm is an entry, with its report runs. In a grid, series that differ in hyperparameters of the
    optimizer only (keys of its nodes, and keys that its `search` names) are candidates for one entry: the one with the best
    mean validation value is selected, with diverged runs counted as the worst. Other settings that vary, such as the batch
    size, distinguish entries.

    Entries with a diverged run (`is_lost`) follow those without one; then come those whose number is undefined, and those
    without a completed run.
    """
    found = _distinct([*_tuned(comparison), *_selected(comparison)])
    return sorted(_estimated(found, by), key=lambda entry: _rank(entry, by))


def _estimated(found: Sequence[Entry], by: Criterion) -> list[Entry]:
    """Return the entries with the mean of the criterion over their completed runs; a restricted mean for times to target."""
    if not by.censored:
        means = [estimate(map(by.get, entry.completed), by.key) for entry in found]
        return [replace(entry, estimate=mean) for entry, mean in zip(found, means, strict=True)]
    curves = survivals([entry.series for entry in found], by)
    return [
        replace(one, estimate=_restricted(one, curve, by), survival=curve) for one, curve in zip(found, curves, strict=True)
    ]


def _restricted(entry: Entry, curve: Survival | None, by: Criterion) -> Estimate | None:
    """Return the restricted mean of times to target; the ordinary mean if every run reached it before the horizon.

    A run that reached the target and diverged later has reached it.
    """
    if curve is None or curve.mean is None:
        return None
    if curve.reached == curve.n and max(curve.times) <= curve.horizon:
        return estimate([by.get(run) for run in entry.series.runs if run.status.is_result], by.key)
    low, high = curve.mean_limits or (None, None)
    method = "" if low is None else EQUAL if low == high else "t of the restricted mean"
    return Estimate(curve.mean, curve.n, low, high, method)


def _tuned(comparison: Comparison) -> list[Entry]:
    built: list[Entry] = []
    for arm in comparison.arms:
        trials = _series_of(comparison.trials, [id for trial in arm.trials for id in (*trial.earlier, *trial.runs)])
        shown = _series_of(comparison.series, arm.report) or _shown_trial(comparison, arm)
        if shown:
            default = next(iter(_series_of(comparison.series, arm.default)), None)
            built.append(Entry(arm.name, shown[0], default, arm, len(arm.trials), None, trials))
    return built


def _series_of(series: Sequence[Series], ids: Sequence[str]) -> list[Series]:
    """Return the series that contain any of the runs `ids`."""
    wanted = set(ids)
    return [one for one in series if any(run.id in wanted for run in one.runs)]


def _shown_trial(comparison: Comparison, arm: Arm) -> list[Series]:
    shown = [one for one in comparison.series if one.role == "trial"]
    return _series_of(shown, [id for trial in arm.trials for id in trial.runs])


def _selected(comparison: Comparison) -> list[Entry]:
    """Return the entries of the series without a role, each with its best series."""
    groups: dict[str, list[Series]] = {}
    for one in ranked(comparison):
        if one.role is None:
            groups.setdefault(entry_name(one), []).append(one)
    return [Entry(name, candidates[0], None, None, len(candidates), None, candidates) for name, candidates in groups.items()]


def entry_name(series: Series) -> str:
    """Return the optimizer, followed by the settings that distinguish the series and do not belong to the optimizer."""
    axes = {key: value for key, value in series.differences.items() if not is_hyperparameter(key, series.runs[0].config)}
    return " ".join([series.optimizer, *map(format_assignment, axes, axes.values())])


def is_hyperparameter(key: str, config: Settings) -> bool:
    """Return True if a dotted config key is of the optimizer's nodes, or is named by the config's `search`."""
    search: Mapping[str, object] = config.get("search") or {}
    searched = {name if "." in name else f"optimizer.{name}" for name in search}
    return key.partition(".")[0] in ("optimizer", *OPTIMIZER_NODES) or key in searched


def _distinct(found: Sequence[Entry]) -> list[Entry]:
    """Return the entries with distinct names: where two sweeps have the same one, the sweep is appended."""
    counts = Counter(entry.name for entry in found)
    named = [replace(entry, name=_with_sweep(entry)) if counts[entry.name] > 1 else entry for entry in found]
    counts = Counter(entry.name for entry in named)
    return [replace(entry, name=entry.series.label) if counts[entry.name] > 1 else entry for entry in named]


def _with_sweep(entry: Entry) -> str:
    return f"{entry.name} ({entry.series.runs[0].sweep})"


def _rank(entry: Entry, by: Criterion) -> tuple[int, float]:
    diverged = any(is_lost(run, by) for run in entry.series.runs)
    if entry.estimate is None:
        return 2 if entry.completed else 3 if diverged else 4, 0.0
    return int(diverged), entry.estimate.mean if by.mode == "min" else -entry.estimate.mean


def values_by_seed(series: Series, by: Criterion) -> dict[str, float | None]:
    """Return the criterion of each run with a result, by a key that is equal for runs with the same seeds.

    Runs with the same key have the same initial weights and the same batches. The value of a diverged run is None, since those
    of the others alone would favour an optimizer that diverges; but a time to the target that it reached before it diverged
    counts. Runs without a result (failed, crashed, interrupted) have no key.
    """
    runs = [run for run in series.runs if run.status.is_result]
    return {seed_key(run.config): None if is_lost(run, by) else by.get(run) for run in runs}


def is_lost(run: Record, by: Criterion) -> bool:
    """Return True if a run diverged and its number does not count: all but a time to the target that it reached before."""
    return run.status is Status.DIVERGED and not (by.censored and by.get(run) is not None)


def seed_key(config: Settings) -> str:
    """Return a text that is equal for configs with the same seeds of weights and batches."""
    return json.dumps([config.get("seed"), config.get("data_seed")])
