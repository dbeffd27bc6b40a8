"""The queue of a sweep: starts runs where there is room, watches over them, and settles how each ended."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from descentlab.launchers.base import Attempt, Place
from descentlab.launchers.child import GRACE
from descentlab.store.job import Job
from descentlab.store.record import FAULT, PROGRESS, Record, Status, read_json
from descentlab.sweeps import past
from descentlab.sweeps.past import Fate
from descentlab.sweeps.view import View

POLL = 0.25


class Alarm:
    """Counts the signals that ask the command to end; use as a context manager."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self) -> None:
        self.count, self.first = 0, 0

    def __enter__(self) -> Self:
        heard = [signum for signum in self.SIGNALS if signal.getsignal(signum) is not signal.SIG_IGN]  # nohup means it
        self.before = {signum: signal.signal(signum, self._ring) for signum in heard}
        return self

    def _ring(self, signum: int, frame: object) -> None:
        self.count, self.first = self.count + 1, self.first or signum

    def __exit__(self, *_: object) -> None:
        for signum, handler in self.before.items():
            signal.signal(signum, handler)


@dataclass
class Watch:
    """An attempt under watch: when it began, when it last gave a sign of life, and the fault that it was ended for."""

    attempt: Attempt
    tries: int
    began: float | None = None
    started: bool = False
    sign: float = 0.0
    seen: int = 0
    fault: str = ""
    hung: bool = False

    def look(self) -> None:
        """Take note of signs of life, and find fault if a limit is passed. Times are this machine's, whatever the other's."""
        now, config = time.monotonic(), self.attempt.job.config
        if self.began is None:
            return
        with contextlib.suppress(OSError):
            written = (self.attempt.job.folder / PROGRESS).stat().st_mtime_ns
            if written != self.seen:
                self.seen, self.sign = written, now
        timeout, heartbeat = config["timeout"], config["heartbeat"]
        if timeout is not None and now - self.began > timeout:
            self.fault = f"took more than timeout={timeout:g} seconds"
        elif heartbeat is not None and now - self.sign > heartbeat:
            self.fault, self.hung = f"hung: no sign of life for heartbeat={heartbeat:g} seconds", True


class Queue:
    """Runs jobs at a place.

    Args:
        place: entered already.
        fates: what the past says of each job, by id.
        view: shows what happens.
        alarm: rings once: running runs are asked to save and end, no more are started; twice: all end at once.
    """

    def __init__(self, place: Place, jobs: Sequence[Job], fates: Mapping[str, Fate], view: View, alarm: Alarm) -> None:
        self.place, self.view, self.alarm = place, view, alarm
        self.waiting = deque(jobs)
        self.fates, self.tries = dict(fates), dict.fromkeys((job.id for job in jobs), 0)
        self.later: list[tuple[float, Job]] = []  # to be tried again, and when
        self.held: set[str] = set()  # by processes of an earlier command
        self.running: list[Watch] = []
        self.statuses: dict[str, Status] = {}
        self.deadline: float | None = None  # of those that were asked to end

    def run(self) -> dict[str, Status]:
        """How each job that was started ended, by id."""
        self._adopt()
        while self.running or ((self.waiting or self.later) and self.deadline is None):
            if self.alarm.count and self.deadline is None:
                self._wind_up()
            if self.deadline is None:
                self._start()
            elif self.alarm.count > 1 or time.monotonic() > self.deadline:
                self._end_at_once()
            self.place.wait([watch.attempt for watch in self.running], POLL)
            for watch in list(self.running):
                self._look_after(watch)
            self.view.refresh([watch.attempt.job for watch in self.running if watch.began], self._unstarted())
        return self.statuses

    def _adopt(self) -> None:
        """Watch over what an earlier command has left on a cluster."""
        adopted = self.place.adopt(list(self.waiting))
        if adopted:
            self.view.say(f"{len(adopted)} under way since an earlier command")
        for attempt in adopted:
            self.waiting.remove(attempt.job)
            self.running.append(Watch(attempt, tries=1))

    def _start(self) -> None:
        now = time.monotonic()
        self.waiting.extend(job for due, job in self.later if due <= now)
        self.later = [(due, job) for due, job in self.later if due > now]
        batch: list[Job] = []
        for _ in range(self.place.room(list(self.waiting))):
            job = self.waiting.popleft()
            if past.is_alive(job):
                self._wait_for(job)
                continue
            if result := past.finished_since(job, self.fates[job.id]):
                self._end(job, result)
                continue
            try:
                batch.append(past.prepare(job, self.fates[job.id]))
            except OSError as error:
                self._conclude(job, Status.FAILED, f"its folder cannot be written: {error.strerror}")
        for attempt in self.place.start(batch) if batch else ():
            self.tries[attempt.job.id] += 1
            self.running.append(Watch(attempt, self.tries[attempt.job.id]))

    def _wait_for(self, job: Job) -> None:
        """Come back to a job that a process of an earlier command, killed a moment ago, has not let go yet."""
        if job.id not in self.held:
            self.view.say(f"{job.name} waits for a process that an earlier command has left")
        self.held.add(job.id)
        self.later.append((time.monotonic() + 1.0, job))

    def _look_after(self, watch: Watch) -> None:
        how = watch.attempt.ended()
        if how is None:
            if not watch.attempt.began():
                watch.began = None  # perhaps anew: a cluster has put it back into its queue
            elif watch.began is None:
                watch.began, watch.sign, watch.started = time.monotonic(), time.monotonic(), True
                self.view.started(watch.attempt.job)
            watch.look()
            how = watch.fault or None
        if how is not None:
            watch.attempt.kill()  # what may be left of it
            self.running.remove(watch)
            self._settle(watch, how)

    def _settle(self, watch: Watch, how: str) -> None:
        job = watch.attempt.job
        record = past.read_record(job.folder)
        if record is None and not watch.started and self.deadline is not None:
            return None  # taken off a cluster's queue: as if it had never been there
        cause = str(read_json(job.folder / FAULT).get("reason", ""))  # in a process that does not write the record
        status, reason = self._death(watch, how, cause) if record is None else (record.status, record.reason)
        if status is Status.FAILED:
            reason = cause or reason  # for this one died of the other
        broken = status is Status.CRASHED or (watch.hung and record is None)
        if broken and watch.tries <= job.config["retries"] and self.deadline is None:
            return self._try_again(watch, reason)
        if record is None or reason != record.reason:
            return self._conclude(job, status, reason)
        return self._end(job, record)

    def _death(self, watch: Watch, how: str, cause: str) -> tuple[Status, str]:
        """The status of a run that ended without a record, and why."""
        if watch.fault:
            return Status.TIMEOUT, how
        if cause:
            return Status.FAILED, cause
        if self.deadline is not None:
            return Status.INTERRUPTED, how
        return Status.CRASHED, how

    def _try_again(self, watch: Watch, reason: str) -> None:
        job = watch.attempt.job
        delay = job.config["retry_after"] * 2 ** (watch.tries - 1)
        self.fates[job.id] = Fate.CONTINUE if past.has_checkpoint(job) else Fate.AGAIN
        self.later.append((time.monotonic() + delay, job))
        self.view.tried(job, reason, delay)

    def _conclude(self, job: Job, status: Status, reason: str) -> None:
        """Leave the record that the run itself could not."""
        record = job.record(status, reason)
        try:
            record.write(job.folder)
        except OSError as error:
            self.view.say(f"no record of {job.name} could be written: {error}")
        self._end(job, record)

    def _end(self, job: Job, record: Record) -> None:
        self.statuses[job.id] = record.status
        self.view.finished(job, record)
        if job.config["on_error"] == "stop" and record.status.is_fault and self.deadline is None:
            self.view.say("on_error=stop: the other runs are asked to end")
            self._wind_up()

    def _wind_up(self) -> None:
        self.deadline = time.monotonic() + GRACE
        if self.alarm.count:
            self.view.winding_up(len(self.running), self._unstarted())
        for watch in self.running:
            watch.attempt.stop()

    def _end_at_once(self) -> None:
        for watch in self.running:
            watch.attempt.kill()

    def _unstarted(self) -> int:
        return len(self.waiting) + len(self.later) + sum(watch.began is None for watch in self.running)
