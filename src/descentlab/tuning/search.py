"""The search of one arm: its trials, the selection of the best one, and the runs that report it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

from descentlab.errors import UsageError
from descentlab.store.job import Job
from descentlab.store.manifest import Arm, Trial
from descentlab.store.record import Record
from descentlab.sweeps.past import earlier_fault
from descentlab.tuning.arms import Definition
from descentlab.tuning.jobs import JobFactory, PlannedRun
from descentlab.tuning.outcomes import Outcome, TrialRuns, best
from descentlab.tuning.samplers import make_sampler
from descentlab.tuning.samplers.base import ROUND
from descentlab.tuning.settings import Settings

FEW = 3  # most names of runs in a message
RUNGS = 3  # largest number of budgets of successive halving


class ArmSearch:
    """Proposes the jobs of one arm, in rounds that depend on the outcomes of its earlier jobs.

    The jobs depend on the settings and the outcomes only, never on the order in which runs end, so that a repeated command
    proposes the same jobs.

    Args:
        definition: the arm.
        settings: the protocol.
        jobs: makes the jobs.
        outcomes: the outcomes of all runs that ended, by run id; updated by the caller, and with `faults`.
        notify: receives sentences for the user.

    Attributes:
        trials: in order of their index.
        selected: the index of the selected trial; None before the selection, or if no trial has a value.
        over: True once the selection was made.
        default_job: the first run of the default settings, once it was proposed.
        faults: the records of runs of trials that failed in an earlier command; they are not run again.
    """

    def __init__(
        self,
        definition: Definition,
        settings: Settings,
        jobs: JobFactory,
        outcomes: dict[str, Outcome],
        notify: Callable[[str], None],
    ) -> None:
        self.definition, self.settings, self.jobs, self.outcomes, self.notify = definition, settings, jobs, outcomes, notify
        ranges = list(definition.space.values())
        try:
            self.sampler = make_sampler(settings.sampler, ranges, settings.trials, settings.sampler_seed)
        except UsageError as error:
            raise UsageError(f"{definition.name} on {definition.problem}: {error}") from None
        self.count = min(settings.trials, self.sampler.size or settings.trials)
        self.shares = shares(self.count, settings.halving)
        self.trials: list[TrialRuns] = []
        self.rung = 0
        self.selected: int | None = None
        self.over = False
        self.default: list[str] = []
        self.default_job: Job | None = None
        self.report: list[str] = []
        self.faults: list[Record] = []

    @property
    def title(self) -> str:
        """The problem and the name of the arm."""
        return f"{self.definition.problem}: {self.definition.name}"

    @property
    def finished(self) -> bool:
        """True if the selection was made and all runs that report have ended."""
        return self.over and all(id in self.outcomes for id in (*self.report, *self.default))

    def ask_default(self) -> list[Job]:
        """Return the runs of the default settings with the report seeds."""
        jobs = self.jobs.make(self.definition, [PlannedRun({}, seed) for seed in self.settings.report])
        self.default, self.default_job = [job.id for job in jobs], jobs[0]
        return jobs

    def ask(self) -> list[Job]:
        """Return the next jobs; none while further outcomes are needed, or if the arm is over."""
        jobs: list[Job] = []
        while not (jobs or self.over):
            if new := self._new_trials():
                jobs = self._start(new)  # none if the settings of all new trials are not valid, or if all failed before
            elif all(trial.ended(self.outcomes) for trial in self.trials):
                jobs = self._next_rung()
            else:
                break
        return jobs

    def _new_trials(self) -> list[TrialRuns]:
        """Add the trials that can be proposed now to `trials`, and return them."""
        scores: list[float | None] = []
        for trial in self.trials:
            if not trial.ended(self.outcomes):
                break
            scores.append(trial.score(self.outcomes))
        units = self.sampler.propose(self._limit(), scores) if self.rung == 0 else []
        new: list[TrialRuns] = []
        for index in range(len(self.trials), len(units)):
            ranges = self.definition.space.items()
            point = {key: values.at(unit) for (key, values), unit in zip(ranges, units[index], strict=True)}
            new.append(TrialRuns(index, point))
        self.trials += new
        return new

    def _start(self, trials: Sequence[TrialRuns]) -> list[Job]:
        """Return the runs of trials at the present budget, and enter them; a trial whose config is not valid has none.

        Runs that have an outcome already are entered but not returned.
        """
        seeds, share = self.settings.tuning, self.shares[self.rung]
        try:
            jobs = self.jobs.make(self.definition, [PlannedRun(trial.point, seed, share) for trial in trials for seed in seeds])
        except UsageError as error:
            if len(trials) > 1:
                return [job for trial in trials for job in self._start([trial])]
            self.notify(f"{self.title}: trial {trials[0].index} counts as the worst, for its settings are not valid: {error}")
            jobs = []
        for number, trial in enumerate(trials):
            trial.runs = [job.id for job in jobs[number * len(seeds) : (number + 1) * len(seeds)]]
        self._count_faults(jobs)
        return [job for job in jobs if job.id not in self.outcomes]

    def _count_faults(self, jobs: Sequence[Job]) -> None:
        """Enter the outcomes of the runs that failed in an earlier command."""
        found = [record for job in jobs if job.id not in self.outcomes and (record := earlier_fault(job)) is not None]
        self.faults += found
        self.outcomes.update({record.id: Outcome.of(record) for record in found})
        if found:
            names = ", ".join(record.name for record in found[:FEW]) + (", ..." if len(found) > FEW else "")
            number = "a run of a trial" if len(found) == 1 else f"{len(found)} runs of trials"
            self.notify(
                f"{self.title}: counted as the worst, {number} that failed in an earlier command ({names}); "
                "scripts/sweep.py rm removes a run, so that the same command trains it again"
            )

    def _limit(self) -> int:
        """Return the number of trials that may have started now."""
        if not self.settings.has_cost_limit:
            return self.count
        started = len(self.trials)
        if not all(trial.ended(self.outcomes) for trial in self.trials):
            return started
        return min(self.count, started + min(ROUND, self._affordable()))

    def _affordable(self) -> int:
        """Return how many further trials, of the mean cost so far, reach a limit of steps or of seconds; 0 if it is reached."""
        runs = [self.outcomes[id] for id in dict.fromkeys(id for trial in self.trials for id in trial.runs)]
        found = ROUND
        for limit, spent in (
            (self.settings.max_steps, sum(run.steps for run in runs)),
            (self.settings.max_seconds, sum(run.seconds for run in runs)),
        ):
            if limit is not None and spent:
                found = min(found, max(0, math.ceil((limit - spent) / (spent / len(self.trials)))))
        return found

    def _next_rung(self) -> list[Job]:
        """Start the best trials of the present budget with the next one, or select if this was the last.

        If no trial of the present budget has a value, the best of those that were pruned before continue in their place.
        """
        rung = [trial for trial in self.trials if trial.rung == self.rung and not trial.pruned]
        is_last = self.rung + 1 == len(self.shares)
        kept = best(rung, self.outcomes, max(1, int(len(rung) / (self.settings.halving or 1))))
        if kept and is_last:
            return self._select()
        if kept:
            for trial in rung:
                trial.pruned = trial not in kept
            return self._promote(kept)
        for lower in reversed(range(self.rung)):
            pruned = [trial for trial in self.trials if trial.rung == lower and trial.pruned]
            if kept := best(pruned, self.outcomes, len(rung)):
                for trial in rung:
                    trial.pruned = not is_last
                self.rung = lower
                self.notify(f"{self.title}: no trial that was continued has a value, so the next best continue: {len(kept)}")
                return self._promote(kept)
        return self._select()

    def _promote(self, kept: Sequence[TrialRuns]) -> list[Job]:
        """Return the runs of the trials `kept` with the next budget."""
        self.rung += 1
        for trial in kept:
            trial.pruned, trial.rung, trial.earlier = False, self.rung, [*trial.earlier, *trial.runs]
        return self._start(sorted(kept, key=lambda trial: trial.index))

    def _select(self) -> list[Job]:
        """Select the best trial, and return the runs that report it."""
        self.over = True
        found = best([trial for trial in self.trials if not trial.pruned], self.outcomes, 1)
        if not found:
            outcomes = [self.outcomes[id] for trial in self.trials for id in trial.runs]
            reason = next((outcome.reason for outcome in outcomes if outcome.value is None), "no settings are valid")
            none = f"none of {len(self.trials)} trials has a validation value"
            self.notify(f"{self.title}: nothing is selected, for {none}: {reason}")
            return []
        trial = found[0]
        self.selected = trial.index
        point = ", ".join(f"{key.removeprefix('optimizer.')}={value}" for key, value in trial.point.items())
        metric = self.outcomes[trial.runs[0]].metric
        value = trial.value(self.outcomes)
        self.notify(f"{self.title}: selected {point} of {len(self.trials)} trials (valid {metric} {value:.4g})")
        jobs = self.jobs.make(self.definition, [PlannedRun(trial.point, seed) for seed in self.settings.report])
        self.report = [job.id for job in jobs]
        return jobs

    def arm(self) -> Arm:
        """Return the arm's entry in the manifest."""
        trials = [
            Trial(each.index, dict(each.point), each.runs, each.value(self.outcomes), each.pruned, each.earlier)
            for each in self.trials
        ]
        return replace(self.definition.arm(), trials=trials, selected=self.selected, report=self.report, default=self.default)


def shares(trials: int, factor: float | None) -> list[float]:
    """Return the shares of the budget at which trials are compared: [1] without successive halving, by `factor` with it.

    Source: Jamieson and Talwalkar 2016, with at most three budgets.
    """
    if factor is None:
        return [1.0]
    rungs = min(RUNGS, 1 + math.floor(math.log(trials, factor) + 1e-9)) if trials > 1 else 1
    return [factor ** -(rungs - 1 - rung) for rung in range(rungs)]
