"""The bill of a tuning sweep before it starts: runs, steps, seconds of training and disk space of each arm."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from descentlab.launchers import preflight
from descentlab.launchers.checks.structure import structure_of
from descentlab.launchers.preflight import StepCost
from descentlab.launchers.server import fork_server
from descentlab.sweeps.past import JobDecision
from descentlab.tuning.planned_runs import ArmRuns
from descentlab.tuning.samplers.base import ROUND
from descentlab.tuning.search import ArmSearch
from descentlab.tuning.settings import Settings
from descentlab.tuning.tuner import Tuner

RUN_BYTES, POINT_BYTES = 30_000, 60  # of the files of a run, and of each point of its curves; typical values


@dataclass(frozen=True)
class ArmCost:
    """The planned cost of an arm.

    Attributes:
        name, problem: as in store.manifest.Arm.
        trials: the number of trials.
        runs: the number of runs: of all trials, of the selected settings and of the default settings. Trials with the same
            settings share their runs.
        reused: how many of the runs have a result already.
        steps: steps of all runs; None if only seconds bound a run, or if they cannot be counted.
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


@dataclass(frozen=True)
class RunCost:
    """Steps and seconds of training of one run; None if unknown."""

    steps: float | None
    seconds: float | None


def arm_costs(tuner: Tuner, decisions: Mapping[str, JobDecision]) -> list[ArmCost]:
    """Return the cost of each arm.

    The steps of arms without earlier runs are timed.

    Args:
        tuner: a tuner that was asked for its first jobs.
        decisions: the decision about each job that the tuner has proposed, by run id.
    """
    arms = [ArmRuns(search) for search in tuner.searches]
    paces = [_earlier_pace(arm.search) for arm in arms]
    requests = [arm.requests(is_timed=pace is None) for arm, pace in zip(arms, paces, strict=True)]
    server = fork_server(arms[0].default[0].core.threads)
    answers = iter(preflight.measure_steps(server, [request for of_arm in requests for request in of_arm]))
    costs: list[ArmCost] = []
    for arm, pace in zip(arms, paces, strict=True):
        steps = {job.id: next(answers) for job in arm.jobs}
        costs.append(_arm_cost(arm, _run_costs(arm, steps, pace), pace is not None, decisions))
    return costs


def _run_costs(arm: ArmRuns, measured: Mapping[str, StepCost], pace: float | None) -> dict[str, RunCost]:
    """Return the cost of each job of an arm: that of its earlier run, or of its steps at the seconds of a step.

    Args:
        arm: the arm.
        measured: the cost of the steps of each job, by run id.
        pace: the seconds of a step in earlier runs; None if there are none, and steps of each structure were timed.
    """
    structures = {job.id: structure_of(job.config) for job in arm.jobs}
    timed = {structures[id]: cost.seconds for id, cost in measured.items() if cost.seconds is not None}
    usual = fmean(timed.values()) if timed else pace
    found: dict[str, RunCost] = {}
    for job in arm.jobs:
        if (outcome := arm.search.outcomes.get(job.id)) and outcome.steps:
            found[job.id] = RunCost(outcome.steps, outcome.seconds)
        else:
            found[job.id] = _planned_cost(measured[job.id].steps, timed.get(structures[job.id], usual), job.core.budget.seconds)
    return found


def _planned_cost(steps: int | None, pace: float | None, limit: float | None) -> RunCost:
    """Return the cost of a run of `steps` steps of `pace` seconds, which `limit` seconds bound."""
    seconds = None if steps is None or pace is None else steps * pace
    if limit is None or (seconds is not None and seconds <= limit):
        return RunCost(steps, seconds)
    return RunCost(steps if seconds is None or not pace else limit / pace, limit)


def _arm_cost(arm: ArmRuns, costs: Mapping[str, RunCost], measured: bool, decisions: Mapping[str, JobDecision]) -> ArmCost:
    """Return the sum over the runs that an arm will have."""
    search = arm.search
    trials = planned_trials(search.settings, _costs_of_trials(arm, costs))
    numbers = _numbers_of_runs(arm, trials)
    runs = sum(numbers.values())
    steps = _weighted_sum((costs[id].steps, number) for id, number in numbers.items())
    seconds = _weighted_sum((costs[id].seconds, number) for id, number in numbers.items())
    reused = sum(decisions.get(id) is JobDecision.REUSE for id in search.arm().runs)
    disk = round(runs * RUN_BYTES + (steps or 0) / arm.default[0].core.log_every * POINT_BYTES)
    definition = search.definition
    whole = None if steps is None else round(steps)
    return ArmCost(definition.name, definition.problem, trials, round(runs), reused, whole, seconds, measured, disk)


def _weighted_sum(values: Iterable[tuple[float | None, float]]) -> float | None:
    """Return the sum of the values, each times its number; None if one of them is unknown."""
    known = [(value, number) for value, number in values if number]
    return None if any(value is None for value, _ in known) else sum((value or 0.0) * number for value, number in known)


def _costs_of_trials(arm: ArmRuns, costs: Mapping[str, RunCost]) -> list[list[RunCost]]:
    """Return for each trial the costs of its runs, without those that an earlier trial has as well.

    A trial whose point is unknown has the mean cost of the known ones, as one run.
    """
    seen: set[str] = set()
    found: list[list[RunCost]] = []
    for jobs in arm.trials:
        found.append([costs[job.id] for job in jobs if job.id not in seen])
        seen |= {job.id for job in jobs}
    known, share = [run for runs in found for run in runs], 1 / max(1, len(found))
    mean = RunCost(_weighted_sum((run.steps, share) for run in known), _weighted_sum((run.seconds, share) for run in known))
    return found + [[mean]] * arm.unknown


def _numbers_of_runs(arm: ArmRuns, trials: int) -> dict[str, float]:
    """Return by run id how often each job counts: less than once for a job that runs only if its trial is promoted.

    Args:
        arm: the arm.
        trials: the number of its trials.
    """
    settings = arm.search.settings
    first = {job.id for jobs in arm.trials[:trials] for job in jobs}
    further = max(0, trials - len(arm.trials))  # trials whose points are unknown
    numbers = dict.fromkeys(first, 1 + further * settings.tuning_seeds / max(1, len(first)))
    alive = trials
    for jobs in arm.rungs:
        alive = max(1, int(alive / (settings.halving or 1)))
        seeds = settings.tuning_seeds
        promoted = seeds * math.ceil(alive * (len(jobs) / seeds) / max(1, trials))
        numbers |= dict.fromkeys((job.id for job in jobs), promoted / max(1, len(jobs)))
    default = {job.id for job in arm.default}
    if not {job.id for job in arm.report} <= default:  # else the default settings are selected, and their runs report
        numbers |= {job.id: numbers.get(job.id, 0) + settings.seeds / len(arm.report) for job in arm.report}
    return {**numbers, **{id: numbers.get(id, 0) + 1 for id in default}}


def planned_trials(settings: Settings, trials: Sequence[Sequence[RunCost]]) -> int:
    """Return the number of trials that an arm starts under its limits of cost, as `ArmSearch` decides it.

    Args:
        settings: the protocol.
        trials: the costs of the runs of each trial; an unknown cost reaches no limit.
    """
    started = 0
    while started < len(trials):
        runs = [run for trial in trials[:started] for run in trial]
        further = ROUND
        for limit, spent in (
            (settings.max_steps, sum(run.steps or 0 for run in runs)),
            (settings.max_seconds, sum(run.seconds or 0.0 for run in runs)),
        ):
            if limit is not None and spent:
                further = min(further, max(0, math.ceil((limit - spent) / (spent / started))))
        if not further:
            break
        started = min(len(trials), started + further)
    return started


def _earlier_pace(search: ArmSearch) -> float | None:
    """Return the seconds of a step in the results that the arm has already; None if it has none."""
    known = [search.outcomes[id] for id in search.arm().runs if id in search.outcomes]
    steps = sum(outcome.steps for outcome in known)
    return sum(outcome.seconds for outcome in known) / steps if steps else None
