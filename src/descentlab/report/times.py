"""Times to target of the runs of a series, right-censored where a run did not reach the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from descentlab.report.criterion import Criterion
from descentlab.report.series import Series
from descentlab.report.statistics.survival import Survival, Times, common_horizon, survival
from descentlab.store.record import Record

ENDS: Mapping[str, str] = {  # key of the time to target -> key of the time at the end of the run
    "steps_to_target": "steps",
    "seconds_to_target": "train_seconds",
    "gradient_evaluations_to_target": "gradient_evaluations",
}


def times_to_target(series: Series, by: Criterion) -> Times:
    """Return the times of the completed and diverged runs of a series.

    A diverged run can no longer reach the target: it is censored at the longest end of the series, not where it diverged.
    """
    runs = [run for run in series.runs if run.status.is_result]
    ends = [_end(run, by) for run in runs]
    reached = [time for run in runs if (time := by.get(run)) is not None]
    longest = max([*ends, *reached], default=0.0)
    missed = [(run, end) for run, end in zip(runs, ends, strict=True) if by.get(run) is None]
    return Times(reached, [longest if run.summary.get("diverged_step") is not None else end for run, end in missed])


def _end(run: Record, by: Criterion) -> float:
    return float(run.summary.get(ENDS[by.key]) or 0)


def survivals(series: Sequence[Series], by: Criterion) -> list[Survival | None]:
    """Return the distribution of the time to target of each series, with means restricted to a common horizon."""
    times = [times_to_target(one, by) for one in series]
    known = [each for each in times if len(each)]
    horizon = common_horizon(*known) if known else None
    return [survival(each, horizon) if len(each) else None for each in times]
