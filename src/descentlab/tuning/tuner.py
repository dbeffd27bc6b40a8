"""The source of jobs of a tuning sweep: trials, selection, and the runs that report; it writes the sweep's manifest."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from descentlab.errors import UsageError
from descentlab.store.job import Job
from descentlab.store.manifest import MANIFEST, Arm, Manifest
from descentlab.store.record import Record, Status
from descentlab.tuning.arms import Definition, name_arms
from descentlab.tuning.jobs import JobFactory
from descentlab.tuning.outcomes import Outcome
from descentlab.tuning.search import ArmSearch
from descentlab.tuning.settings import Settings

PAUSE = 1.0  # least seconds between two writes of the manifest if no further runs were proposed
PAUSE_PER_WRITE = 20  # least ratio of that time and the duration of a write, which grows with the sweep


class Tuner:
    """Tunes each arm with the same protocol. A source for the queue (sweeps.source.Source).

    The state is rebuilt from the records of runs when a command is repeated. The manifest tells a report the roles of the
    runs; it is written when runs are proposed, before they start, and at intervals that bound the cost of the other writes.

    Args:
        arms: the arms of the command.
        settings: the protocol.
        jobs: makes the jobs.
        earlier: the manifest that earlier commands have left in the sweep's folder.
        notify: receives sentences for the user.

    Raises:
        UsageError: the sweep was tuned with another sampler, version of its library, or halving.
    """

    def __init__(
        self,
        arms: Sequence[Definition],
        settings: Settings,
        jobs: JobFactory,
        earlier: Manifest | None,
        notify: Callable[[str], None],
    ) -> None:
        self.settings, self.sweep, self.notify = settings, jobs.sweep, notify
        self.outcomes: dict[str, Outcome] = {}
        names = [arm.name for arm in _joined([arm.arm() for arm in arms], earlier)]  # distinct from those of earlier arms
        self.searches = [
            ArmSearch(replace(arm, name=name), settings, jobs, self.outcomes, notify)
            for arm, name in zip(arms, names, strict=False)
        ]
        self.asked_default = False
        self.changed = self.proposed = True  # since the last write
        self.written, self.duration = -math.inf, 0.0  # time of the last write, and the seconds that it took
        self.unwritten = ""  # why the manifest cannot be written
        self.sampling = self.manifest(None).sampling
        self._check_sampling(earlier)

    def _check_sampling(self, earlier: Manifest | None) -> None:
        if earlier and earlier.sampling != self.sampling:
            raise UsageError(
                f"sweep={self.sweep} was tuned with {earlier.sampling}, and this command has {self.sampling}: give the same, "
                "or another sweep=..."
            )

    def ask(self) -> Sequence[Job]:
        """Return the next jobs of all arms; the runs of the default settings follow the first trials."""
        jobs = [job for search in self.searches for job in search.ask()]
        if not self.asked_default:
            self.asked_default = True
            jobs += [job for search in self.searches for job in search.ask_default()]
        self.changed |= bool(jobs)
        self.proposed |= bool(jobs)
        return jobs

    def tell(self, record: Record) -> None:
        """Keep the outcome of a run. An interrupted run has not ended: the same command resumes it."""
        if record.status is not Status.INTERRUPTED:
            self.outcomes[record.id] = Outcome.of(record)
            self.changed = True

    def required(self, jobs: Sequence[Job]) -> Sequence[Job]:
        """Return a run of the default settings of each arm of `jobs`. Trials that cannot work count as the worst."""
        ids = {job.id for job in jobs}
        found = [search.default_job for search in self.searches if not ids.isdisjoint(search.arm().runs)]
        return [job for job in found if job is not None]

    def save(self, sweep: Path) -> None:
        """Write the manifest at once if runs were proposed since the last write: a run reads its role when it starts.

        If only outcomes are new, wait as long as the two constants require.
        """
        pause = max(PAUSE, PAUSE_PER_WRITE * self.duration)
        if self.proposed or (self.changed and time.monotonic() - self.written >= pause):
            self._write(sweep)

    def finish(self, sweep: Path) -> None:
        """Write the manifest if it has changed, and name the arms that are not finished. Called after the last run."""
        if sweep.is_dir() and self.changed:
            self._write(sweep)
        if self.unwritten:
            self.notify(f"{sweep / MANIFEST} could not be written ({self.unwritten}): the same command writes it")
        unfinished = [search.title for search in self.searches if not search.finished]
        if unfinished:
            number = f"{len(unfinished)} of {len(self.searches)} arms are" if len(self.searches) > 1 else "the arm is"
            self.notify(f"{number} not finished ({'; '.join(unfinished)}): the same command resumes")

    def _write(self, sweep: Path) -> None:
        """Write the manifest, with the arms that other commands have left there since the last time."""
        start = time.monotonic()
        try:
            with Manifest.locked(sweep):
                earlier = Manifest.read(sweep)
                self._check_sampling(earlier)
                manifest = self.manifest(earlier)
                if manifest != earlier:
                    manifest.write(sweep)
            self.changed = self.proposed = False
            self.unwritten = ""
        except (OSError, UsageError) as error:  # such as a full disk; the runs continue, and the next call tries again
            reason = (error.strerror if isinstance(error, OSError) else "") or str(error)
            if not self.unwritten:
                self.notify(f"{sweep / MANIFEST} cannot be written: {reason}; the runs continue")
            self.unwritten = reason
            self.proposed = False
        self.written = time.monotonic()
        self.duration = self.written - start

    def manifest(self, earlier: Manifest | None) -> Manifest:
        """Return the manifest: the arms of this command, and those that other commands have left in `earlier`."""
        settings, sampler = self.settings, self.searches[0].sampler
        arms = _joined([search.arm() for search in self.searches], earlier)
        tuning, report = set(settings.tuning), set(settings.report)
        if earlier and len(arms) > len(self.searches):
            tuning, report = tuning.union(earlier.tuning_seeds), report.union(earlier.report_seeds)
        protocol = (settings.sampler, sampler.library, settings.sampler_seed, sorted(tuning), sorted(report))
        return Manifest(*protocol, arms, settings.halving)

    @property
    def faults(self) -> list[Record]:
        """The records of trials that failed in an earlier command, which count as the worst and were not run again."""
        return list({record.id: record for search in self.searches for record in search.faults}.values())

    @property
    def without_result(self) -> list[str]:
        """The names of the arms that ended without a selection; of all arms if the manifest could not be written."""
        missing = [search for search in self.searches if self.unwritten or (search.over and search.selected is None)]
        return [search.definition.name for search in missing]


def _joined(arms: Iterable[Arm], earlier: Manifest | None) -> list[Arm]:
    """Return `arms`, followed by the other arms of an earlier manifest, with distinct names."""
    before = {arm.id: arm for arm in (earlier.arms if earlier else ())}
    joined = [_with_superseded(arm, before.pop(arm.id, None)) for arm in arms]
    return name_arms([*joined, *before.values()])


def _with_superseded(arm: Arm, earlier: Arm | None) -> Arm:
    """Return `arm` with the runs of an earlier command that it does not use."""
    used = set(arm.runs)
    return replace(arm, superseded=[id for id in earlier.runs if id not in used]) if earlier else arm
