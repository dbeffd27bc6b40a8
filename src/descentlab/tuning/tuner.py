"""The source of jobs of a tuning sweep: trials, selection, and the runs that report; it writes the sweep's manifest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from descentlab.errors import UsageError
from descentlab.store.job import Job
from descentlab.store.manifest import Arm, Manifest
from descentlab.store.record import Record, Status
from descentlab.tuning.arms import Definition
from descentlab.tuning.jobs import JobFactory
from descentlab.tuning.outcomes import Outcome
from descentlab.tuning.search import ArmSearch
from descentlab.tuning.settings import Settings


class Tuner:
    """Tunes each arm with the same protocol. A source for the queue (sweeps.source.Source).

    Args:
        arms: the arms of the command.
        settings: the protocol.
        jobs: makes the jobs.
        earlier: the manifest that earlier commands have left in the sweep's folder.
        notify: receives sentences for the user.

    Raises:
        UsageError: the sweep was tuned with another sampler.
    """

    def __init__(
        self,
        arms: Sequence[Definition],
        settings: Settings,
        jobs: JobFactory,
        earlier: Manifest | None,
        notify: Callable[[str], None],
    ) -> None:
        self.settings, self.earlier = settings, earlier
        self.outcomes: dict[str, Outcome] = {}
        self.searches = [ArmSearch(arm, settings, jobs, self.outcomes, notify) for arm in arms]
        self.asked_default = False
        self.changed = True
        self.saved = earlier
        if earlier and (earlier.sampler, earlier.sampler_seed) != (settings.sampler, settings.sampler_seed):
            given = f"sampler={earlier.sampler} sampler_seed={earlier.sampler_seed}"
            raise UsageError(f"sweep={jobs.sweep} was tuned with {given}: give the same, or another sweep=...")

    def ask(self) -> Sequence[Job]:
        """Return the next jobs of all arms; the runs of the default settings follow the first trials."""
        jobs = [job for search in self.searches for job in search.ask()]
        if not self.asked_default:
            self.asked_default = True
            jobs += [job for search in self.searches for job in search.ask_default()]
        self.changed |= bool(jobs)
        return jobs

    def tell(self, record: Record) -> None:
        """Keep the outcome of a run. An interrupted run has not ended: the same command resumes it."""
        if record.status is not Status.INTERRUPTED:
            self.outcomes[record.id] = Outcome.of(record)
            self.changed = True

    def save(self, sweep: Path) -> None:
        """Write the manifest, if it has changed."""
        if not self.changed:
            return
        self.changed, manifest = False, self.manifest()
        if manifest != self.saved:
            manifest.write(sweep)
            self.saved = manifest

    def manifest(self) -> Manifest:
        """Return the manifest: the arms of this command, and those that other commands have left in the sweep."""
        before = {(arm.problem, arm.name): arm for arm in (self.earlier.arms if self.earlier else ())}
        arms = [_with_superseded(search.arm(), before.pop(_key(search), None)) for search in self.searches]
        settings = self.settings
        protocol = (settings.sampler, self.searches[0].sampler.library, settings.sampler_seed)
        return Manifest(*protocol, settings.tuning, settings.report, [*arms, *before.values()])

    @property
    def without_result(self) -> list[str]:
        """The names of the arms that ended without a selection."""
        return [search.definition.name for search in self.searches if search.over and search.selected is None]


def _key(search: ArmSearch) -> tuple[str, str]:
    return search.definition.problem, search.definition.name


def _with_superseded(arm: Arm, earlier: Arm | None) -> Arm:
    """Return `arm` with the runs of an earlier command that it does not use."""
    used = set(arm.runs)
    return replace(arm, superseded=[id for id in earlier.runs if id not in used]) if earlier else arm
