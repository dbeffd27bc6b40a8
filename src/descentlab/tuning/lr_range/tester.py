"""The range test of one subject, as a source of jobs: runs with growing rates, then a bisection with constant ones."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from descentlab.config.command_line import Command
from descentlab.errors import UsageError
from descentlab.report.lr_range_page import Panel
from descentlab.report.statistics.lr_range import RangeTest, RateEstimate, diverges, over_seeds, range_test
from descentlab.store.job import Job
from descentlab.store.record import Record, Status, read_curves
from descentlab.tuning.lr_range.jobs import Subject, constant, growing, make_jobs
from descentlab.tuning.lr_range.settings import Settings

BELOW = 64.0  # ratio of the rate at which a run with a growing rate diverges to the first lower end of the bisection
CLOSE = 1.06  # ratio of the ends of the interval at which the bisection stops
DIGITS = 2  # significant digits of a suggested rate


@dataclass
class Bracket:
    """An interval that contains the largest stable constant rate of a seed: `low` is stable, `high` is not."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """The rate to be tried next: the geometric mean, with four digits, so that a repeated command finds its run."""
        return float(f"{math.sqrt(self.low * self.high):.4g}")

    @property
    def is_done(self) -> bool:
        """True if both ends are close, or differ by rounding only."""
        return self.high <= CLOSE * self.low or not self.low < self.middle < self.high


@dataclass
class RangeTester:
    """Tests the rates of one subject. A source for the queue (sweeps.source.Source).

    Args:
        command: the command line.
        subject: what is tested.
        settings: of the test.

    Attributes:
        tests: what the run of each seed with a growing rate has shown, by the number of the seed.
        brackets: the state of the bisection of each seed.
    """

    command: Command
    subject: Subject
    settings: Settings
    tests: dict[int, RangeTest] = field(default_factory=dict)
    brackets: dict[int, Bracket] = field(default_factory=dict)
    waiting: dict[str, tuple[int, float | None]] = field(default_factory=dict)  # run id -> seed, and rate if it is constant
    has_begun: bool = False
    folder: Path = Path()  # of the sweep to which the runs belong
    failure: str = ""  # why a run gave no result

    def ask(self) -> Sequence[Job]:
        """Return all runs with growing rates at first, then a run for each seed whose bisection is not done."""
        if self.failure:
            return []
        if not self.has_begun:
            self.has_begun = True
            return self._jobs(dict.fromkeys(range(self.settings.seeds)))
        busy = {number for number, _ in self.waiting.values()}
        open_ones = {number: each for number, each in self.brackets.items() if number not in busy and not each.is_done}
        return self._jobs({number: each.middle for number, each in open_ones.items()})

    def _jobs(self, wanted: Mapping[int, float | None]) -> list[Job]:
        runs = [(number, growing(self.settings) if rate is None else constant(rate)) for number, rate in wanted.items()]
        jobs = make_jobs(self.command, self.subject, self.settings, runs) if runs else []
        self.folder = jobs[0].folder.parent if jobs else self.folder
        self.waiting |= {job.id: (number, rate) for job, (number, rate) in zip(jobs, wanted.items(), strict=True)}
        return jobs

    def tell(self, record: Record) -> None:
        """Evaluate the curve of a run; after one without a result, no further run is proposed."""
        if record.id not in self.waiting:
            return
        number, rate = self.waiting.pop(record.id)
        if not record.status.is_result:
            self.failure = f"{record.name} {record.status}: {record.reason}"
            return
        curves = read_curves(record.folder).drop_nulls("train/loss")
        losses, rates = curves["train/loss"].to_list(), curves["train/lr"].to_list()
        if rate is not None:
            is_stable = record.status is Status.COMPLETED and not diverges(losses)
            setattr(self.brackets[number], "low" if is_stable else "high", rate)
            return
        self.tests[number] = _with_divergence(rates, losses, record)
        if self.settings.refine:
            high = self.tests[number].divergence or self.settings.high
            self.brackets[number] = Bracket(max(self.settings.low, high / BELOW), high)

    def required(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return all jobs."""
        return jobs

    def save(self, sweep: object) -> None:
        """Write nothing: the state is rebuilt from the records of the runs."""

    @property
    def is_complete(self) -> bool:
        """True if every run has ended with a result; False after a failure, or if the command was stopped."""
        return len(self.tests) == self.settings.seeds and not self.waiting and not self.failure

    @property
    def suggestion(self) -> RateEstimate | None:
        """The suggested rate over seeds; None if the loss of a seed never falls."""
        return over_seeds([test.suggestion(self.settings.rule) for test in self._in_order()])

    @property
    def stable(self) -> RateEstimate | None:
        """The largest stable constant rate over seeds, where the bisection has ended."""
        return over_seeds([math.sqrt(each.low * each.high) for each in self.brackets.values()])

    @property
    def rate(self) -> float:
        """The suggested rate, rounded to DIGITS.

        Raises:
            UsageError: there is none.
        """
        found = self.suggestion
        if found is None:
            settings = self.settings
            raise UsageError(
                f"range test of {self.subject.name} on {self.subject.problem}: the loss does not fall while the learning rate "
                f"grows from {settings.low:g} to {settings.high:g} in {settings.steps} steps; try another range "
                "or more steps with scripts/lr_range.py"
            )
        return float(f"{found.rate:.{DIGITS}g}")

    def panel(self) -> Panel:
        """Return the results as the page draws them."""
        tests = self._in_order()
        title = f"{self.subject.name} on {self.subject.problem}"
        knee, divergence = (over_seeds([getattr(test, key) for test in tests]) for key in ("knee", "divergence"))
        return Panel(
            title, tests, self.settings.rule, self.suggestion, knee, divergence, self.stable if self.brackets else None
        )

    def _in_order(self) -> list[RangeTest]:
        return [self.tests[number] for number in sorted(self.tests)]


def _with_divergence(rates: Sequence[float], losses: Sequence[float], record: Record) -> RangeTest:
    """Return what a run shows; the last rate of one that was ended as diverged counts as a divergence."""
    found = range_test(rates, losses)
    if found.divergence is None and record.status is Status.DIVERGED:
        return replace(found, divergence=rates[-1])
    return found
