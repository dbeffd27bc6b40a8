"""Roles of runs in tuned sweeps: which series of a comparison are shown, and which are trials."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence

from descentlab.report.series import Group, direction_of
from descentlab.store.manifest import Arm, Manifest, Role, Trial
from descentlab.store.record import Record

SeriesKey = tuple[str, Role | None]  # the settings (settings.series_key) and the role of the runs
Arranged = tuple[list[Group], list[Group], list[Arm]]

HIDDEN: tuple[Role | None, ...] = ("trial", "superseded")  # roles whose series are not compared
JOINED: tuple[Role, ...] = ("report", "default")  # roles whose series runs without a role join


def arrange(groups: Mapping[SeriesKey, list[Record]], manifests: Sequence[Manifest]) -> Arranged:
    """Divide the runs of one comparison into the series to show and those of trials.

    Trials are shown only for an arm without report runs, because its tuning is not complete: the runs of its best trial so
    far. Runs without a role that have the settings of report or default runs join them: they are further seeds.

    Returns:
        the groups to show, the groups of trials and superseded runs (all of them), and the arms that have a run in this
        comparison.
    """
    merged: dict[SeriesKey, list[Record]] = {}
    for (settings, role), runs in groups.items():
        joined: Role | None = next((each for each in JOINED if (settings, each) in groups), None)
        merged.setdefault((settings, role or joined), []).extend(runs)
    trials = [Group(runs, role) for (_, role), runs in merged.items() if role in HIDDEN]
    shown = [Group(runs, role) for (_, role), runs in merged.items() if role not in HIDDEN]
    present = {run.id for runs in groups.values() for run in runs}
    arms = [arm for manifest in manifests for arm in manifest.arms if not present.isdisjoint(arm.runs)]
    direction = direction_of([run for group in trials for run in group.runs])
    for arm in arms:
        if present.isdisjoint(arm.report):
            best = best_trial(arm, direction, present)
            shown += [group for group in trials if best and {run.id for run in group.runs} & set(best.runs)]
    return shown, trials, arms


def best_trial(arm: Arm, mode: str, present: Container[str]) -> Trial | None:
    """Return the trial that was selected or, while trials are missing, the best so far; None if there is no trial.

    Args:
        arm: the arm.
        mode: the better direction of the trials' values: "max" or "min".
        present: the ids of the runs with a record; trials without any are not considered.
    """
    tried = [trial for trial in arm.trials if any(id in present for id in trial.runs)]
    selected = [trial for trial in tried if trial.index == arm.selected]
    if selected:
        return selected[0]
    sign = 1 if mode == "min" else -1
    known = [(sign * trial.value, trial.index, trial) for trial in tried if trial.value is not None and not trial.pruned]
    return min(known)[2] if known else next(iter(tried), None)
