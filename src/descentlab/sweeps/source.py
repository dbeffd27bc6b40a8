"""Sources of jobs: the queue asks a source for jobs and tells it the records of those that ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from descentlab.store.job import Job
from descentlab.store.record import Record
from descentlab.sweeps.past import JobDecision, decide_all


class Source(Protocol):
    """Proposes jobs, possibly in rounds that depend on the records of earlier jobs."""

    def ask(self) -> Sequence[Job]:
        """Return the next jobs; an empty sequence while further records are needed.

        Returns at once. The sweep ends when no job is under way and `ask` returns none.
        """
        ...

    def tell(self, record: Record) -> None:
        """Receive the record of a job that ended: completed, diverged, failed, or reused from an earlier command."""
        ...

    def required(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return the jobs whose mistakes, found before the start, refuse the command; others of `jobs` fail alone.

        Args:
            jobs: jobs of the first round.
        """
        ...

    def save(self, sweep: Path) -> None:
        """Write the state of the source, if it has any and if it has changed, to the sweep's folder."""
        ...


class Grid:
    """A source with a fixed list of jobs."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = list(jobs)

    def ask(self) -> Sequence[Job]:
        """Return all jobs at the first call, and none afterwards."""
        jobs, self.jobs = self.jobs, []
        return jobs

    def tell(self, record: Record) -> None:
        """Ignore the record: the jobs of a grid do not depend on each other."""

    def required(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return all jobs."""
        return jobs

    def save(self, sweep: Path) -> None:
        """Write nothing: the folders of its runs are the state of a grid."""


@dataclass(frozen=True)
class Round:
    """The jobs that a source returned: those that must be run, and the decision and its reason for every one of them."""

    jobs: list[Job] = field(default_factory=list)
    decided: list[tuple[JobDecision, str]] = field(default_factory=list)


class Intake:
    """Takes jobs from a source, makes the decision about each, and collects the records.

    A result that can be reused is passed to the source at once. A job that is proposed twice is run once.

    Attributes:
        sweep: the folder of the sweep that the jobs belong to.
        decisions: the decision for every job so far, by run id, in the order in which the jobs were proposed.
        records: the record of every job that ended, by run id.
        notify: receives each record that is told.
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.sweep = Path()
        self.decisions: dict[str, JobDecision] = {}
        self.records: dict[str, Record] = {}
        self.notify: Callable[[Record], None] = lambda _: None
        self.digests: dict[str, str | None] = {}  # of users' data, computed once for all rounds

    def next(self) -> Round:
        """Return all jobs that must be run and are known now; none if the source proposes none for now."""
        found = Round()
        while proposed := self.source.ask():
            for record in [self.records[job.id] for job in proposed if job.id in self.records]:
                self.source.tell(record)
            self._decide({job.id: job for job in proposed if job.id not in self.decisions}, found)
        return found

    def _decide(self, jobs: dict[str, Job], found: Round) -> None:
        """Add `jobs` to `found`, and pass to the source the results that can be reused."""
        self.sweep = next(iter(jobs.values())).folder.parent if jobs else self.sweep
        for id, (decision, reason) in decide_all(list(jobs.values()), self.digests).items():
            self.decisions[id] = decision
            found.decided.append((decision, reason))
            if decision is JobDecision.REUSE:
                self.tell(Record.read(jobs[id].folder))
            else:
                found.jobs.append(jobs[id])

    def tell(self, record: Record) -> None:
        """Keep the record of a job that ended, and pass it to the source."""
        self.records[record.id] = record
        self.notify(record)
        self.source.tell(record)

    def save(self) -> None:
        """Let the source write its state, once the folder of the sweep exists."""
        if self.sweep.is_dir():
            self.source.save(self.sweep)

    def ended(self) -> list[Record]:
        """Return the records of the jobs that ended, in the order in which the jobs were proposed."""
        return [self.records[id] for id in self.decisions if id in self.records]
