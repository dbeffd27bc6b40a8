"""The bill of a tuning sweep before it starts: runs, steps, seconds of training and disk space of each arm."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from descentlab.launchers import preflight
from descentlab.launchers.local import fork_server
from descentlab.store.job import Job
from descentlab.sweeps.past import JobDecision
from descentlab.tuning.jobs import Planned
from descentlab.tuning.samplers.base import ROUND
from descentlab.tuning.search import ArmSearch
from descentlab.tuning.settings import Settings
from descentlab.tuning.tuner import Tuner

RUN_BYTES, POINT_BYTES = 30_000, 60  # of the files of a run, and of each point of its curves; typical values


@dataclass(frozen=True)
class Cost:
    """The planned cost of an arm; with a cost limit, the largest.

    Attributes:
        name, problem: as in store.manifest.Arm.
        trials: the number of trials.
        runs: the number of runs: of all trials, of the selected settings and of the default settings.
        reused: how many of the runs have a result already.
        steps: steps of all runs; None if only seconds bound a run.
        seconds: seconds of training of all runs; None if unknown.
        measured: True if the seconds come from earlier runs of the arm; False if steps were timed now.
        bytes: disk space of all runs.
    """

    name: str
    problem: str
    trials: int
    runs: int
    reused: int
    steps: int | None
    seconds: float | None
    measured: bool
    bytes: int


def costs(tuner: Tuner, decisions: Mapping[str, JobDecision]) -> list[Cost]:
    """Return the cost of each arm.

    Args:
        tuner: a tuner that was asked for its first jobs.
        decisions: the decision about each job that the tuner has proposed, by run id.
    """
    jobs = [
        search.jobs.make(search.definition, [Planned({}, 0, share) for share in search.shares]) for search in tuner.searches
    ]
    flat = [job for of_arm in jobs for job in of_arm]
    measured = preflight.costs(fork_server(flat[0].core.threads), [job.config for job in flat])
    by_job = {job.id: cost for job, cost in zip(flat, measured, strict=True)}
    return [
        _cost(search, of_arm, [by_job[job.id] for job in of_arm], decisions)
        for search, of_arm in zip(tuner.searches, jobs, strict=True)
    ]


def _cost(
    search: ArmSearch,
    jobs: Sequence[Job],
    of_job: Sequence[tuple[int | None, float | None]],
    decisions: Mapping[str, JobDecision],
) -> Cost:
    """Return the cost of an arm, from the steps of a run at each share of the budget and the seconds of a step."""
    settings, core = search.settings, jobs[-1].core
    pace, measured = _earlier_pace(search), True
    if pace is None:
        pace, measured = of_job[-1][1], False
    steps = [one[0] for one in of_job]
    seconds = [_seconds(count, pace, job.core.budget.seconds) for count, job in zip(steps, jobs, strict=True)]
    full = steps[-1]
    trials = planned_trials(settings, search.count, full, seconds[-1])
    alive = [trials]
    while len(alive) < len(search.shares):
        alive.append(max(1, int(alive[-1] / (settings.halving or 1))))
    numbers = [count * settings.tuning_seeds for count in alive]
    numbers[-1] += 2 * settings.seeds
    runs = sum(numbers)
    total = None if None in steps else sum(n * (count or 0) for n, count in zip(numbers, steps, strict=True))
    spent = None if None in seconds else sum(n * (each or 0.0) for n, each in zip(numbers, seconds, strict=True))
    reused = sum(decisions.get(id) is JobDecision.REUSE for id in search.arm().runs)
    points = (total or 0) / core.log_every
    definition = search.definition
    disk = round(runs * RUN_BYTES + points * POINT_BYTES)
    return Cost(definition.name, definition.problem, trials, runs, reused, total, spent, measured, disk)


def _seconds(steps: int | None, pace: float | None, limit: float | None) -> float | None:
    """Return the seconds of training of a run of `steps` steps at `pace` seconds a step, at most `limit`."""
    bounds = [] if steps is None or pace is None else [steps * pace]
    return min([*bounds, limit]) if limit is not None else min(bounds, default=None)


def planned_trials(settings: Settings, count: int, steps: int | None, seconds: float | None) -> int:
    """Return the number of trials that an arm of at most `count` trials takes, given the cost of a run; None if unknown.

    The first round precedes any limit of cost.
    """
    found = count
    for limit, one in ((settings.max_steps, steps), (settings.max_seconds, seconds)):
        if limit is not None and one:
            found = min(found, max(ROUND, math.ceil(limit / (one * settings.tuning_seeds))))
    return found


def _earlier_pace(search: ArmSearch) -> float | None:
    """Return the seconds of a step in the results that the arm has already; None if it has none."""
    known = [search.outcomes[id] for id in search.arm().runs if id in search.outcomes]
    steps = sum(outcome.steps for outcome in known)
    return sum(outcome.seconds for outcome in known) / steps if steps else None
