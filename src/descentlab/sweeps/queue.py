"""The queue of a sweep: starts jobs when there is capacity, supervises them, and records how each ended."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping, Sequence

from descentlab.launchers.base import Group, Launcher
from descentlab.launchers.child import GRACE
from descentlab.store.job import Job
from descentlab.store.record import SINGLE, Record, Status
from descentlab.sweeps import past
from descentlab.sweeps.ends import JobEnd, alike, end_of
from descentlab.sweeps.grouping import Grouping, summary_lines
from descentlab.sweeps.later_checks import LaterChecks
from descentlab.sweeps.past import JobDecision
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.source import Intake
from descentlab.sweeps.view import ProgressView
from descentlab.sweeps.watch import Watch

POLL = 0.25  # seconds between two passes over the running attempts
HELD = 1.0  # seconds until a job that is still locked by a process of an earlier command is tried again


class Queue:
    """Runs jobs with a launcher until their source has no more.

    The first signal asks running jobs to save a checkpoint and stop, and starts no others; the second stops all at once.

    Args:
        launcher: an entered launcher.
        intake: the source of jobs and the decisions about them.
        jobs: the first jobs to run, already checked.
        view: shows the progress.
        signals: counts the requests to stop.
        refused: the mistakes in those of `jobs` that fail without an attempt, by run id.
        grouping: divides jobs into groups, each of which one attempt runs; by default as the launcher specifies.
    """

    def __init__(
        self,
        launcher: Launcher,
        intake: Intake,
        jobs: Sequence[Job],
        view: ProgressView,
        signals: StopSignals,
        refused: Mapping[str, str] | None = None,
        grouping: Grouping | None = None,
    ) -> None:
        self.launcher, self.intake, self.view, self.signals = launcher, intake, view, signals
        self.grouping = grouping or Grouping(launcher.fusing)
        self.is_announced = False  # True once the first groups were printed
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
        self._queue([job for job in first if job.id not in self.refused])
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
        shown = [watch.attempt.jobs for watch in self.running if watch.began]
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

    def _queue(self, jobs: Sequence[Job]) -> None:
        """Divide `jobs` into groups and queue them."""
        division = self.grouping.divide(jobs)
        for line in () if self.is_announced else summary_lines(division):
            self.is_announced = True
            self.view.print(line)
        self.waiting.extend(division.groups)

    def _ask(self) -> None:
        """Take the next jobs from the source."""
        while not self.waiting and not self.stopping:
            proposed = self.intake.next()
            if proposed.decided:
                self.view.add(self.intake.sweep, proposed.decided)
            if not proposed.jobs:
                return
            self._queue(self.checks.submit(self._adopt(proposed.jobs)))

    def _take_checked(self) -> None:
        """Queue the jobs whose check has ended. Those that cannot work fail, and the others continue."""
        for checked in self.checks.take():
            for note in checked.notes:
                self.view.print(note)
            self._queue(checked.valid)
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
        ended_unseen = how is not None and not watch.started and watch.attempt.began()  # it took less than a pass
        if (before is None and watch.began is not None) or ended_unseen:
            self.view.started(watch.attempt.jobs)
        if how is not None:
            watch.attempt.kill()  # its remaining processes
            self.running.remove(watch)
            self._attempt_ended(watch, how)

    def _attempt_ended(self, watch: Watch, how: str) -> None:
        """Record how each job of an attempt ended, and queue those to be retried or to be trained in smaller groups."""
        found = [(job, end_of(watch, job, how, self.stopping)) for job in watch.attempt.jobs]
        ends = [(job, end) for job, end in found if end is not None]
        # Jobs that start again come last: another one may stop the sweep (on_error=stop), after which none is started.
        again: list[tuple[Job, JobEnd]] = []
        for job, end in sorted(ends, key=lambda each: self._starts_again(*each)):
            if self._starts_again(job, end):
                again.append((job, end))
            elif end.record is not None and end.reason == end.record.reason:
                self._finish(job, end.record)
            else:
                self._write_record(job, end.status, end.reason)
        for job, end in again:
            self.intake.decisions[job.id] = JobDecision.RESUME if past.has_checkpoint(job) else JobDecision.RERUN
            if not end.smaller:
                self._retry(job, end.reason)
        for end, jobs in alike(each for each in again if each[1].smaller).items():
            self._divide(jobs, end)

    def _starts_again(self, job: Job, end: JobEnd) -> bool:
        if self.stopping:
            return False
        return bool(end.smaller) or (end.died and self.tries[job.id] <= job.core.retries)

    def _retry(self, job: Job, reason: str) -> None:
        """Start `job` again after a delay, which doubles with each retry."""
        delay = job.core.retry_after * 2 ** (self.tries[job.id] - 1)
        self.later.append((time.monotonic() + delay, (job,)))
        self.view.retried(job, reason, delay)

    def _divide(self, jobs: Sequence[Job], end: JobEnd) -> None:
        """Train jobs of a fused group in smaller groups, since its process did not. This is no retry of them."""
        for job in jobs:
            (job.folder / SINGLE).unlink(missing_ok=True)
        self.tries.subtract(job.id for job in jobs)
        self.grouping.limit(jobs, end.smaller, end.reason, declined=not end.died)
        self.view.divided(len(jobs), end.smaller, end.reason)
        self.waiting.extend(self.grouping.divide(jobs).groups)

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
