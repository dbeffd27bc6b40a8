"""Times to target of the runs of a series, right-censored where a run did not reach the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from descentlab.budget import Plan
from descentlab.errors import UsageError
from descentlab.report.criterion import Criterion
from descentlab.report.series import Series
from descentlab.report.statistics.survival import Survival, Times, common_horizon, survival
from descentlab.store.record import Record

ENDS: Mapping[str, str] = {  # key of the time to target -> key of the time at the end of the run
    "steps_to_target": "steps",
    "seconds_to_target": "train_seconds",
    "gradient_evaluations_to_target": "gradient_evaluations",
}


def times_to_target(series: Series, by: Criterion, longest: float | None = None) -> Times:
    """Return the times of the completed and diverged runs of a series.

    A run that ended without reaching the target is censored at the end of its planned budget (`planned_end`), also if it ended
    earlier because it diverged or stopped early: such a run can no longer reach the target, so that it is known to have missed
    it until then. This is the rule for a competing event where the time of censoring is known for every run (Fine and Gray,
    A proportional hazards model for the subdistribution of a competing risk, JASA 1999, section 3.1). With it, the curve is the
    fraction of all runs that have not reached the target. Censored where it diverged, a run would count as one that might have
    reached the target like the others.

    A run that reached the target and diverged later has reached it: the time is that of the first validation at the target.

    Args:
        series: its runs; those without a result (failed, crashed, interrupted) are left out.
        by: the time to compare.
        longest: the end of a run whose planned budget is not known; None: the longest time of the series.
    """
    if longest is None:
        longest = longest_time([series], by)
    runs = [run for run in series.runs if run.status.is_result]
    reached = [time for run in runs if (time := by.get(run)) is not None]
    missed = [run for run in runs if by.get(run) is None]
    return Times(reached, [_censored(run, by, longest) for run in missed])


def _censored(run: Record, by: Criterion, longest: float) -> float:
    """Return the planned end of a run; if that is not known, `longest` for a diverged run and its own end for another one."""
    planned = planned_end(run, ENDS[by.key])
    if planned is not None:
        return planned
    return longest if run.summary.get("diverged_step") is not None else _end(run, ENDS[by.key])


def planned_end(run: Record, key: str) -> float | None:
    """Return the time at which the budget of a run ends, which is later than its own end if it diverged or stopped early.

    Seconds and gradient evaluations are those of the run, multiplied by its planned number of steps over its own one.

    Args:
        run: a run with a result.
        key: the unit of the time: "steps", "train_seconds" or "gradient_evaluations".

    Returns:
        None if the record lacks the budget or the size of the training set, or if the run has no step to extrapolate from.
    """
    end, steps, seconds = (_end(run, each) for each in (key, "steps", "train_seconds"))
    budget: Mapping[str, Any] = run.config.get("budget") or {}
    total, limit = _planned_steps(run), budget.get("seconds")
    if key == "steps" and total is not None and limit is None:
        return float(max(total, steps))
    factors = [total / steps] if total is not None and steps else []
    factors += [limit / seconds] if limit is not None and seconds else []
    return end * max(1.0, min(factors)) if end and factors else None


def _planned_steps(run: Record) -> int | None:
    """Return the number of steps of the budget; None if only seconds bound it, or if the record lacks what determines it."""
    config, rows = run.config, (run.data.get("rows") or {}).get("train")
    if not rows or "budget" not in config or "batch_size" not in config:
        return None
    budget = dict.fromkeys(("steps", "epochs", "examples", "seconds")) | config["budget"]
    drop_last = bool((config.get("data") or {}).get("drop_last"))
    try:
        return Plan.of(rows, config["batch_size"], budget, config.get("validate_every"), drop_last).total
    except UsageError:  # the batch is larger than the training set
        return None


def _end(run: Record, key: str) -> float:
    return float(run.summary.get(key) or 0)


def longest_time(series: Sequence[Series], by: Criterion) -> float:
    """Return the longest time, planned or observed, of any run of `series` that has a result; 0 without one."""
    key = ENDS[by.key]
    runs = [run for one in series for run in one.runs if run.status.is_result]
    known = (time for run in runs for time in (_end(run, key), by.get(run), planned_end(run, key)) if time is not None)
    return max(known, default=0.0)


def survivals(series: Sequence[Series], by: Criterion) -> list[Survival | None]:
    """Return the distribution of the time to target of each series.

    Means are restricted to the common horizon of those series of which a run reached the target. The others have no mean, and
    the end of their observation does not shorten the horizon: a short budget in which no run reached the target would hide
    that runs of other series did.
    """
    longest = longest_time(series, by)
    times = [times_to_target(one, by, longest) for one in series]
    known = [each for each in times if each.reached]
    horizon = common_horizon(*known) if known else None
    return [survival(each, horizon if each.reached else None) for each in times]
