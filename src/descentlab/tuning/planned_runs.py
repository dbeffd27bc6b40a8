"""The runs that a tuning sweep will have, as far as they are known before it starts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

from descentlab.config.search import Choices, Range
from descentlab.errors import UsageError
from descentlab.launchers.checks.structure import structure_of
from descentlab.launchers.preflight import StepRequest
from descentlab.store.job import Job
from descentlab.tuning.jobs import PlannedRun
from descentlab.tuning.search import ArmSearch

MOST_TIMED = 4  # structures of an arm whose steps are timed; further ones are assumed to take the mean time


class ArmRuns:
    """The runs of one arm. A job that several trials share is one run.

    Args:
        search: a search that was asked for its first jobs.

    Attributes:
        trials: for each trial whose point is known, its jobs at the smallest budget; none if its settings are not valid.
        unknown: the number of further trials, whose points depend on the results of the first ones.
        rungs: for each later budget of successive halving, the jobs of all trials; only the best will run.
        report: the jobs of all trials with the full budget and the first report seed, of which one, with every report seed,
            will report; if the selection was made, that of the selected trial.
        default: the jobs of the default settings.
    """

    def __init__(self, search: ArmSearch) -> None:
        self.search = search
        settings = search.settings
        known = [trial.point for trial in search.trials]
        units = search.sampler.propose(search.count, [])[len(known) :]
        ranges = search.definition.space
        points = [*known, *({key: each.at(x) for (key, each), x in zip(ranges.items(), unit, strict=True)} for unit in units)]
        self.trials = self._jobs_of_each(points, settings.tuning, search.shares[0])
        self.unknown = max(0, min(search.count, _size(list(ranges.values()))) - len(points))
        self.rungs = [self._jobs(points, settings.tuning, share) for share in search.shares[1:]]
        selected = [search.trials[search.selected].point] if search.selected is not None else points
        self.report = self._jobs(selected if search.selected is not None or not search.over else [], settings.report[:1])
        self.default = self._jobs([{}], settings.report)

    def _jobs(self, points: Sequence[Mapping[str, Any]], seeds: Sequence[int], share: float = 1.0) -> list[Job]:
        """Return the distinct jobs of the points whose settings are valid, with each seed."""
        return _distinct(chain(*self._jobs_of_each(points, seeds, share)))

    def _jobs_of_each(self, points: Sequence[Mapping[str, Any]], seeds: Sequence[int], share: float) -> list[list[Job]]:
        """Return for each point its distinct jobs; none if its settings are not valid."""
        runs = [PlannedRun(point, seed, share) for point in points for seed in seeds]
        try:
            jobs = self.search.jobs.make(self.search.definition, runs)
        except UsageError:
            return (
                [[]] if len(points) == 1 else [each for point in points for each in self._jobs_of_each([point], seeds, share)]
            )
        return [_distinct(jobs[first : first + len(seeds)]) for first in range(0, len(jobs), len(seeds))]

    @property
    def jobs(self) -> list[Job]:
        """All jobs, each once."""
        return _distinct(chain(self.default, *self.trials, *self.rungs, self.report))

    def requests(self, is_timed: bool) -> list[StepRequest]:
        """Return the request for the cost of the steps of each of `jobs`. With `is_timed`, one of each structure is timed."""
        timed: set[str] = set()
        found: list[StepRequest] = []
        for job in self.jobs:
            structure = structure_of(job.config)
            new = is_timed and structure not in timed and len(timed) < MOST_TIMED
            found.append(StepRequest(job.config, new))
            timed |= {structure} if new else set()
        return found


def _distinct(jobs: Iterable[Job]) -> list[Job]:
    """Return each job once."""
    return list({job.id: job for job in jobs}.values())


def _size(ranges: Sequence[Range]) -> int:
    """Return the number of points of a space; a large number if it is continuous."""
    sizes = [
        len(each.options) if isinstance(each, Choices) else int(each.high - each.low) + 1 if each.integer else 10**9
        for each in ranges
    ]
    return math.prod(sizes)
