"""The trials of a tuned sweep: their values, their independence, and the best value that more of them can reach."""

from __future__ import annotations

import contextlib

from descentlab.errors import UsageError
from descentlab.report.answer import Answer
from descentlab.report.formats import format_number
from descentlab.report.series import Comparison
from descentlab.report.statistics.quadratic_law import MIN_TRIALS, fit_quadratic_law
from descentlab.report.statistics.tuning_curves import best_so_far
from descentlab.store.manifest import Arm, Manifest

MODEL_BASED = ("tpe",)  # samplers that propose points from the results of earlier ones
RELIABLE_TRIALS = 100  # number of trials from which the noisy quadratic law is reliable


def trial_values(arm: Arm) -> list[float | None]:
    """Return the values of the trials; while the tuning is not complete, only those that are known."""
    return [trial.value for trial in arm.trials if trial.value is not None or arm.selected is not None]


def are_independent(comparison: Comparison) -> bool:
    """Return True if no trial depends on the results of others: no model-based sampler, and no successive halving."""
    pruned = any(trial.pruned for arm in comparison.arms for trial in arm.trials)
    return not pruned and _sampler(comparison) not in MODEL_BASED


def _sampler(comparison: Comparison) -> str:
    """Return the sampler of the sweep; "" if its manifest cannot be read."""
    folders = dict.fromkeys(run.folder.parent for run in comparison.all_runs)
    for folder in folders:
        with contextlib.suppress(UsageError):
            if manifest := Manifest.read(folder):
                return manifest.sampler
    return ""


def best_reachable(answer: Answer) -> list[str]:
    """Return a sentence for each tuned entry about the best validation value that more trials can reach.

    It is estimated by the noisy quadratic law (`fit_quadratic_law`), which takes seconds for each entry.
    """
    arms = [entry.arm for entry in answer.entries if entry.arm is not None]
    if not arms:
        return [
            f"{answer.comparison.name} was not tuned: the best reachable value is estimated from the trials of a tuned sweep"
        ]
    if not are_independent(answer.comparison):
        return [
            "The best reachable value needs independent trials, not those of a model-based sampler or of successive halving"
        ]
    return [f"{arm.name}: {_limit(arm, answer.comparison)}" for arm in arms]


def _limit(arm: Arm, comparison: Comparison) -> str:
    values = trial_values(arm)
    mode = "min" if comparison.mode == "min" else "max"
    law = fit_quadratic_law(values, mode)
    if law is None:
        return f"the best reachable value needs at least {MIN_TRIALS} trials with different values"
    caution = "" if len(values) >= RELIABLE_TRIALS else f"; unreliable with fewer than {RELIABLE_TRIALS} trials"
    count, best = law.hyperparameters, best_so_far(values, mode)[-1]
    reached = "" if best is None else f" (the best trial has {format_number(best)})"
    matter = "1 hyperparameter matters" if count == 1 else f"{count} hyperparameters matter"
    return (
        f"more trials can reach a validation {comparison.monitor} of about {format_number(law.best)}{reached}; {matter} near "
        f"the optimum; the noise of a trial is {law.noise:.2g} (noisy quadratic law, fitted to the best {law.fitted} of "
        f"{len(values)} trials; a point estimate without an interval{caution})"
    )
