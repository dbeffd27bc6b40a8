"""Division of a sweep's runs into fused groups, with the reasons of the runs that are trained one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from descentlab.config.identity import config_key, without_numbers
from descentlab.config.update_rules import UpdateRule, update_rule
from descentlab.launchers.base import Fusing, Group
from descentlab.store.job import Job
from descentlab.store.record import CHECKPOINT
from descentlab.sweeps.unfusable import reason_to_stay_single

ALONE = "no other run of this sweep has the same structure"
UNBALANCED = 1.25  # the largest group may exceed the mean by this factor so that runs of one data_seed stay together
LEAST = 2  # runs of a group

# Keys in which the members of a group may differ in any way ...
FREE = ("seed", "data_seed", "target", "stop", "validate_every", "checkpoint", "report", "sweep", "search", "rerun", "budget")
FREE += ("half_life", "on_error", "retries", "retry_after", "timeout", "heartbeat")
# ... and nodes in which they may differ in numbers only: neither in names and flags, nor in which values are null or 0.
NUMERIC = (
    "optimizer",
    "auxiliary",
    "schedule",
    "momentum_schedule",
    "decay_schedule",
    "clip",
    "noise",
    "decay",
    "project",
    "average",
)


@dataclass(frozen=True)
class Division:
    """Jobs divided into groups.

    Attributes:
        groups: the groups, those of one job included, in the order of their first jobs.
        reasons: the reason for each job that is the only one of its group, by run id; empty if fusing is off.
    """

    groups: list[Group]
    reasons: dict[str, str] = field(default_factory=dict)

    @property
    def fused(self) -> list[Group]:
        """The groups of several jobs."""
        return [group for group in self.groups if len(group) > 1]


class Grouping:
    """Divides jobs into fused groups, and remembers which of them are to be trained in smaller groups.

    Args:
        fusing: the mode and the limits of the launcher.
    """

    def __init__(self, fusing: Fusing) -> None:
        self.fusing = fusing
        self.limits: dict[str, _Limit] = {}  # by run id
        self.declined: dict[str, _Limit] = {}  # by structure and budget

    def limit(self, jobs: Sequence[Job], size: int, reason: str, declined: bool = False) -> None:
        """Train each of `jobs`, which were in one group, in groups of at most `size` runs from now on; 1: one by one.

        Args:
            declined: True if the process of the group decided so. The decision then holds for as many further runs of the same
                structure and budget as well, and for any number of them if it allows smaller groups.
        """
        limit = _Limit(max(1, size), reason, len(jobs))
        self.limits.update({job.id: limit for job in jobs})
        if declined:
            self.declined.update({_structure_and_budget(job): limit for job in jobs})

    def divide(self, jobs: Sequence[Job]) -> Division:
        """Return the groups of `jobs`. Each pair of runs in a group has the same structure (see `structure`)."""
        if self.fusing.mode == "never" or len(jobs) < LEAST:
            return Division([(job,) for job in jobs])
        limits = self._limits(jobs)
        reasons = {job.id: reason for job in jobs if (reason := _reason(job, limits[job.id]))}
        alike: dict[tuple[int, bool, str], list[Job]] = {}
        for job in (job for job in jobs if job.id not in reasons):
            key = (limits[job.id].size, (job.folder / CHECKPOINT).exists(), structure(job.config))
            alike.setdefault(key, []).append(job)
        reasons |= {several[0].id: ALONE for several in alike.values() if len(several) < LEAST}
        groups = [(job,) for job in jobs if job.id in reasons]
        fusible = len(jobs) - len(groups)
        for (limit, *_), several in ((key, several) for key, several in alike.items() if len(several) >= LEAST):
            at_once = max(1, _round_up(self.fusing.at_once * len(several), fusible))
            groups += cut(several, at_once, limit)
        order = {job.id: place for place, job in enumerate(jobs)}
        return Division(sorted(groups, key=lambda group: min(order[job.id] for job in group)), reasons)

    def _limits(self, jobs: Sequence[Job]) -> dict[str, _Limit]:
        """Return the limit of the group of each job, by run id."""
        keys = {job.id: _structure_and_budget(job) for job in jobs} if self.declined else {}
        numbers = Counter(keys.values())
        found: dict[str, _Limit] = {}
        for job in jobs:
            known = self.limits.get(job.id) or self.declined.get(keys.get(job.id, ""))
            holds = known is not None and (job.id in self.limits or known.size > 1 or numbers[keys[job.id]] <= known.number)
            found[job.id] = known if known is not None and holds else _Limit(self.fusing.largest)
        return {id: _Limit(min(limit.size, self.fusing.largest), limit.reason) for id, limit in found.items()}


@dataclass(frozen=True)
class _Limit:
    """The largest group of a job, the reason, and the number of jobs in the group that led to it."""

    size: int
    reason: str = ""
    number: int = 0


def _reason(job: Job, limit: _Limit) -> str:
    """Return the reason why `job` stays single; "" if it may be fused."""
    return limit.reason if limit.size < LEAST else reason_to_stay_single(job.config)


def _structure_and_budget(job: Job) -> str:
    return structure(job.config) + config_key(job.config["budget"])


def structure(config: Mapping[str, Any]) -> str:
    """Return a string key of the config without what may differ between the members of a group."""
    kept = {key: without_numbers(value) if key in NUMERIC else value for key, value in config.items() if key not in FREE}
    rules = [update_rule(config[name]) if config.get(name) else None for name in ("optimizer", "auxiliary")]
    static = [(rule.name, rule.static) for rule in rules if isinstance(rule, UpdateRule)]
    return config_key({"config": kept, "static": static})


def _round_up(number: int, by: int) -> int:
    """Return number / by, rounded up."""
    return -(-number // by)


def cut(jobs: Sequence[Job], pieces: int, largest: int) -> list[Group]:
    """Divide jobs of one structure into groups of nearly equal size, in the order of data_seed.

    Runs of one data_seed read the same batches, and share the cost of reading while they are in one group. A cut is moved to
    the nearest change of data_seed, unless this makes a group larger than UNBALANCED times the mean, or smaller than LEAST.

    Args:
        jobs: at least LEAST jobs.
        pieces: the number of groups, lowered so that each has at least LEAST jobs, and raised so that none has more than
            `largest`.
        largest: the largest number of jobs in a group, at least LEAST.
    """
    ordered = sorted(jobs, key=lambda job: job.core.data_seed)
    number = max(min(pieces, len(ordered) // LEAST), _round_up(len(ordered), largest))
    equal = [len(ordered) * place // number for place in range(number + 1)]
    seeds = [job.core.data_seed for job in ordered]
    changes = [0, *(place for place in range(1, len(seeds)) if seeds[place] != seeds[place - 1]), len(seeds)]
    together = [min(changes, key=lambda change: abs(change - place)) for place in equal]
    most = min(largest, UNBALANCED * len(ordered) / number)
    fits = all(LEAST <= end - start <= most for start, end in pairwise(together))
    return [tuple(ordered[start:end]) for start, end in pairwise(together if fits else equal)]


def describe(division: Division, jobs: Sequence[Job]) -> Iterator[str]:
    """Yield a line for each problem and optimizer among `jobs`: its groups, and the reasons of the single runs."""
    kinds: dict[str, list[Job]] = {}
    for job in jobs:
        kinds.setdefault(" ".join(job.choices.get(key) or "" for key in ("problem", "optimizer")).strip(), []).append(job)
    for name, several in kinds.items():
        ids = {job.id for job in several}
        sizes = [size for group in division.fused if (size := sum(job.id in ids for job in group))]
        parts = [f"{_count(sum(sizes), 'run')} as {_count(len(sizes), 'fused group')}"] if sizes else []
        parts += _reason_lines({id: reason for id, reason in division.reasons.items() if id in ids})
        if parts:
            yield f"{name}: {'; '.join(parts)}"


def summary_lines(division: Division) -> Iterator[str]:
    """Yield a line that counts the runs in fused groups, and one for each reason of single runs."""
    if division.fused:
        runs = _count(sum(map(len, division.fused)), "run")
        yield f"{runs} in {_count(len(division.fused), 'fused group')} (hydra.launcher.fuse=never trains them one by one)"
    yield from _reason_lines(division.reasons)


def _reason_lines(reasons: Mapping[str, str]) -> list[str]:
    """Return "3 single: budget.seconds is set" for each reason, the most frequent one first."""
    return [f"{number} single: {reason}" for reason, number in Counter(reasons.values()).most_common()]


def _count(number: int, what: str) -> str:
    """Return "1 run", "2 runs"."""
    return f"{number:,} {what}{'s' * (number != 1)}"
