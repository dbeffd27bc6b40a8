"""Roles of runs in tuned sweeps: which series of a comparison are shown, and which are trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from descentlab.report.series import Group
from descentlab.store.manifest import Arm, Manifest, Role, Trial
from descentlab.store.record import Record

SeriesKey = tuple[str, Role | None]  # the settings (settings.series_key) and the role of the runs


def roles_of(manifests: Iterable[Manifest]) -> dict[str, Role]:
    """Return the role of each run of tuned sweeps by its id; a run that reports in one of them has the role "report"."""
    found: dict[str, Role] = {}
    for manifest in manifests:
        for id, role in manifest.roles().items():
            if found.get(id) != "report":
                found[id] = role
    return found


def arm_runs(arm: Arm) -> list[str]:
    """Return the ids of all runs of an arm: trials, runs of smaller budgets, report runs and default runs."""
    trials = [id for trial in arm.trials for id in (*trial.earlier, *trial.runs)]
    return list(dict.fromkeys([*trials, *arm.report, *arm.default]))


def arrange(
    groups: Mapping[SeriesKey, list[Record]], manifests: Sequence[Manifest]
) -> tuple[list[Group], list[Group], list[Arm]]:
    """Divide the runs of one comparison into the series to show and those of trials.

    Trials are shown only for an arm without report runs, because its tuning is not complete: the runs of its best trial so
    far. Runs without a role that have the settings of report or default runs join them: they are further seeds.

    Returns:
        the groups to show, the groups of trials (all of them), and the arms that have a run in this comparison.
    """
    merged: dict[SeriesKey, list[Record]] = {}
    for (settings, role), runs in groups.items():
        other = next((role for role in ("report", "default") if (settings, role) in groups), None) if role is None else role
        merged.setdefault((settings, other), []).extend(runs)
    trials = [Group(runs, role) for (_, role), runs in merged.items() if role == "trial"]
    shown = [Group(runs, role) for (_, role), runs in merged.items() if role != "trial"]
    present = {run.id for runs in groups.values() for run in runs}
    arms = [arm for manifest in manifests for arm in manifest.arms if not present.isdisjoint(arm_runs(arm))]
    for arm in arms:
        if present.isdisjoint(arm.report):
            best = best_trial(arm, _mode(trials))
            shown += [group for group in trials if best and {run.id for run in group.runs} & set(best.runs)]
    return shown, trials, arms


def best_trial(arm: Arm, mode: str) -> Trial | None:
    """Return the trial that was selected or, while trials are missing, the best so far; None if there is no trial.

    Args:
        arm: the arm.
        mode: the better direction of the trials' values: "max" or "min".
    """
    selected = [trial for trial in arm.trials if trial.index == arm.selected]
    if selected:
        return selected[0]
    sign = 1 if mode == "min" else -1
    known = [(sign * trial.value, trial.index, trial) for trial in arm.trials if trial.value is not None and not trial.pruned]
    return min(known)[2] if known else next(iter(arm.trials), None)


def _mode(groups: Sequence[Group]) -> str:
    tasks = (group.runs[0].config.get("task") or {} for group in groups)
    return next((task["mode"] for task in tasks if task.get("mode")), "max")
