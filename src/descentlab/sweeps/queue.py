"""The queue of a sweep: starts jobs when there is capacity, supervises them, and records how each ended."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from descentlab.launchers.base import Group, Launcher
from descentlab.launchers.child import GRACE
from descentlab.store.job import Job
from descentlab.store.record import FAULT, Record, Status, read_json
from descentlab.sweeps import past
from descentlab.sweeps.later_checks import LaterChecks
from descentlab.sweeps.past import JobDecision
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.source import Intake
from descentlab.sweeps.view import ProgressView
from descentlab.sweeps.watch import Watch

POLL = 0.25  # seconds between two passes over the running attempts
HELD = 1.0  # seconds until a job that is still locked by a process of an earlier command is tried again


def one_by_one(jobs: Sequence[Job]) -> list[Group]:
    """Return one group for each job, so that each job runs in a separate process."""
    return [(job,) for job in jobs]


@dataclass(frozen=True)
class _End:
    """How a job ended: its record if it wrote one, and whether its process died or hung, so that it may be retried."""

    record: Record | None
    status: Status
    reason: str
    died: bool


class Queue:
    """Runs jobs with a launcher until their source has no more.

    The first signal asks running jobs to save a checkpoint and stop, and starts no others; the second stops all at once.

    Args:
        launcher: an entered launcher.
        intake: the source of jobs and the decisions about them.
        jobs: the first jobs to run, already checked.
        view: shows the progress.
        signals: counts the requests to stop.
        group: divides jobs into groups; each group is run by one attempt.
        refused: the mistakes in those of `jobs` that fail without an attempt, by run id.
    """

    def __init__(
        self,
        launcher: Launcher,
        intake: Intake,
        jobs: Sequence[Job],
        view: ProgressView,
        signals: StopSignals,
        group: Callable[[Sequence[Job]], Sequence[Group]] = one_by_one,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self.launcher, self.intake, self.view, self.signals, self.group = launcher, intake, view, signals, group
        self.waiting: deque[Group] = deque()
        self.first = list(jobs)
        self.refused = refused or {}
        self.checks = LaterChecks(launcher, [job for job in jobs if job.id not in self.refused])
        self.later: list[tuple[float, Group]] = []  # groups to start again, and the earliest time for each
        self.held: set[str] = set()  # ids of jobs that are locked by a process of an earlier command
        self.running: list[Watch] = []
        self.tries: Counter[str] = Counter()  # attempts of this command, by run id
        self.deadline: float | None = None  # time.monotonic() at which attempts that were asked to stop are killed

    @property
    def stopping(self) -> bool:
        """True once the running attempts were asked to stop."""
        return self.deadline is not None

    def run(self) -> None:
        """Run all jobs; their records are in `intake`."""
        first = self._adopt(self.first)
        for job in [job for job in first if job.id in self.refused]:
            self._refuse(job, self.refused[job.id])
        self.waiting.extend(self.group([job for job in first if job.id not in self.refused]))
        try:
            while self._has_work():
                self._pass()
        finally:
            self.checks.close()

    def _pass(self) -> None:
        """Start, stop and supervise attempts once, and wait until one may have ended."""
        if self.signals.count and not self.stopping:
            self._stop_all()
        if self.deadline is None:
            self._start()
        elif self.signals.count > 1 or time.monotonic() > self.deadline:
            self._kill_all()
        self.launcher.wait([watch.attempt for watch in self.running], POLL)
        for watch in list(self.running):
            self._supervise(watch)
        self.intake.save()
        shown = [job for watch in self.running if watch.began for job in watch.attempt.jobs]
        self.view.refresh(shown, self._unstarted())

    def _has_work(self) -> bool:
        if self.stopping:
            return bool(self.running)
        if not self.signals.count:  # a signal to all processes ends the check as well
            self._take_checked()
        if not self.waiting:
            self._ask()
        return bool(self.running or self.waiting or self.later or self.checks.pending)

    def _adopt(self, jobs: Sequence[Job]) -> list[Job]:
        """Supervise the attempts that an earlier command left running on a cluster. Return the jobs without one."""
        adopted = self.launcher.adopt(jobs)
        if adopted:
            self.view.print(f"{sum(len(attempt.jobs) for attempt in adopted)} already under way since an earlier command")
        under_way = {job.id for attempt in adopted for job in attempt.jobs}
        for attempt in adopted:
            self.tries.update(job.id for job in attempt.jobs)
            self.running.append(Watch(attempt))
        return [job for job in jobs if job.id not in under_way]

    def _ask(self) -> None:
        """Take the next jobs from the source."""
        while not self.waiting and not self.stopping:
            proposed = self.intake.next()
            if proposed.decided:
                self.view.add(self.intake.sweep, proposed.decided)
            if not proposed.jobs:
                return
            self.waiting.extend(self.group(self.checks.submit(self._adopt(proposed.jobs))))

    def _take_checked(self) -> None:
        """Queue the jobs whose check has ended. Those that cannot work fail, and the others continue."""
        for checked in self.checks.take():
            for note in checked.notes:
                self.view.print(note)
            self.waiting.extend(self.group(checked.valid))
            for job, mistake in checked.mistakes:
                self._refuse(job, mistake)

    def _refuse(self, job: Job, mistake: str) -> None:
        """Record that `job` failed the check before the start."""
        if ready := self._prepare(job):
            self._write_record(ready, Status.FAILED, mistake)

    def _start(self) -> None:
        now = time.monotonic()
        self.waiting.extend(group for due, group in self.later if due <= now)
        self.later = [(due, group) for due, group in self.later if due > now]
        batch: list[Group] = []
        for _ in range(self.launcher.capacity(list(self.waiting))):
            group = self.waiting.popleft()
            if any(past.is_alive(job) for job in group):
                self._wait_for(group)
            elif ready := tuple(job for each in group if (job := self._prepare(each))):
                batch.append(ready)
        if batch:
            self.intake.save()  # a run reads its role in the sweep when it starts
        for attempt in self.launcher.start(batch) if batch else ():
            self.tries.update(job.id for job in attempt.jobs)
            self.running.append(Watch(attempt))

    def _prepare(self, job: Job) -> Job | None:
        """Return `job` ready to start; None if it has ended in the meantime, or its folder cannot be written."""
        decision = self.intake.decisions[job.id]
        if result := past.finished_since(job, decision):
            self._finish(job, result)
            return None
        try:
            return past.prepare(job, decision)
        except OSError as error:
            self._write_record(job, Status.FAILED, f"its folder cannot be written: {error.strerror}")
            return None

    def _wait_for(self, group: Group) -> None:
        """Retry the group later: one of its jobs is still locked by a process of an earlier command, which was just killed."""
        for job in group:
            if job.id not in self.held:
                self.view.print(f"{job.name} waits for a process that an earlier command has left")
            self.held.add(job.id)
        self.later.append((time.monotonic() + HELD, group))

    def _supervise(self, watch: Watch) -> None:
        """Settle an attempt that has ended or exceeded a limit."""
        before = watch.began
        how = watch.end()
        if before is None and watch.began is not None:
            for job in watch.attempt.jobs:
                self.view.started(job)
        if how is not None:
            watch.attempt.kill()  # its remaining processes
            self.running.remove(watch)
            self._attempt_ended(watch, how)

    def _attempt_ended(self, watch: Watch, how: str) -> None:
        """Record how each job of an attempt ended, and queue those to be retried."""
        ends = [(job, end) for job in watch.attempt.jobs if (end := self._end_of(watch, job, how)) is not None]
        # Jobs that are not retried come first: one of them may stop the sweep (on_error=stop), after which none is retried.
        broken: dict[str, str] = {}  # run id -> reason, of the jobs to retry
        for job, end in sorted(ends, key=lambda each: self._is_retried(*each)):
            if self._is_retried(job, end):
                broken[job.id] = end.reason
            elif end.record is not None and end.reason == end.record.reason:
                self._finish(job, end.record)
            else:
                self._write_record(job, end.status, end.reason)
        for group in self.group([job for job in watch.attempt.jobs if job.id in broken]):
            delay = max(job.core.retry_after * 2 ** (self.tries[job.id] - 1) for job in group)
            self.later.append((time.monotonic() + delay, group))
            for job in group:
                self.intake.decisions[job.id] = JobDecision.RESUME if past.has_checkpoint(job) else JobDecision.RERUN
                self.view.retried(job, broken[job.id], delay)

    def _end_of(self, watch: Watch, job: Job, how: str) -> _End | None:
        """Return how `job` ended; None if it was removed from a cluster's queue before it ran."""
        record = past.read_record(job.folder)
        if record is None and not watch.started and self.stopping:
            return None
        cause = str(read_json(job.folder / FAULT).get("reason", ""))  # the error of a process that does not write the record
        status, reason = self._outcome_without_record(watch, how, cause) if record is None else (record.status, record.reason)
        if status is Status.FAILED:
            reason = cause or reason  # the first process failed only because the other one did
        return _End(record, status, reason, died=status is Status.CRASHED or (watch.hung and record is None))

    def _is_retried(self, job: Job, end: _End) -> bool:
        return end.died and self.tries[job.id] <= job.core.retries and not self.stopping

    def _outcome_without_record(self, watch: Watch, how: str, cause: str) -> tuple[Status, str]:
        """Return the status and the reason of a job that ended without a record."""
        if watch.exceeded:
            return Status.TIMEOUT, how
        if cause:
            return Status.FAILED, cause
        if self.stopping:
            return Status.INTERRUPTED, how
        return Status.CRASHED, how

    def _write_record(self, job: Job, status: Status, reason: str) -> None:
        """Write the record of a job that ended without writing one."""
        record = job.record(status, reason)
        try:
            job.folder.mkdir(parents=True, exist_ok=True)
            record.write(job.folder)
        except OSError as error:
            self.view.print(f"no record of {job.name} could be written: {error}")
        self._finish(job, record)

    def _finish(self, job: Job, record: Record) -> None:
        self.intake.tell(record)
        self.view.finished(job, record)
        if job.core.on_error == "stop" and record.status.is_fault and not self.stopping:
            self.view.print("on_error=stop: the other runs are asked to stop")
            self._stop_all()

    def _stop_all(self) -> None:
        """Ask all attempts to save a checkpoint and stop within GRACE seconds."""
        self.deadline = time.monotonic() + GRACE
        if self.signals.count:
            self.view.stopping(sum(len(watch.attempt.jobs) for watch in self.running), self._unstarted())
        for watch in self.running:
            watch.attempt.stop()

    def _kill_all(self) -> None:
        for watch in self.running:
            watch.attempt.kill()

    def _unstarted(self) -> int:
        waiting = [*self.waiting, *(group for _, group in self.later)]
        return sum(map(len, waiting)) + sum(len(watch.attempt.jobs) for watch in self.running if watch.began is None)
