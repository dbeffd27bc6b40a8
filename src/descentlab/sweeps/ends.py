"""The ends of the jobs of an attempt, as their records or the end of their process shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from descentlab.store.job import Job
from descentlab.store.record import FAULT, SINGLE, Record, Status, read_json
from descentlab.sweeps import past
from descentlab.sweeps.watch import Watch


@dataclass(frozen=True)
class JobEnd:
    """The end of a job.

    Attributes:
        record: its record, if it wrote one.
        status, reason: those of the record, or of a job that ended without one.
        died: True if its process died or hung, so that it may be retried.
        smaller: the largest group to train it in next, if its group did not train it to its end; 0 otherwise.
    """

    record: Record | None
    status: Status
    reason: str
    died: bool
    smaller: int = 0


def end_of(watch: Watch, job: Job, how: str, stopping: bool) -> JobEnd | None:
    """Return how `job` ended; None if it was removed from a cluster's queue before it ran.

    Args:
        watch: its attempt, which has ended.
        job: one of the jobs of the attempt.
        how: how the attempt ended.
        stopping: True if attempts were asked to stop.
    """
    record = past.read_record(job.folder)
    if record is None and not watch.started and stopping:
        return None
    cause = str(read_json(job.folder / FAULT).get("reason", ""))  # the error of a process that does not write the record
    status, reason = _without_record(watch, how, cause, stopping) if record is None else (record.status, record.reason)
    if status is Status.FAILED:
        reason = cause or reason  # the first process failed only because the other one did
    died = status is Status.CRASHED or (watch.hung and record is None)
    others = len(watch.attempt.jobs) - 1
    if record is not None or stopping or not others:
        return JobEnd(record, status, reason, died)
    declined = read_json(job.folder / SINGLE)
    if declined:
        size = max(1, min(int(declined.get("size", 1)), others))
        return JobEnd(None, Status.INTERRUPTED, str(declined.get("reason", how)), died=False, smaller=size)
    # One of the jobs may be the cause. Another hang would take long, so that a hung group is not halved but dissolved.
    return JobEnd(None, status, reason, died, smaller=(1 if watch.hung else (others + 1) // 2) if died else 0)


def _without_record(watch: Watch, how: str, cause: str, stopping: bool) -> tuple[Status, str]:
    """Return the status and the reason of a job that ended without a record."""
    if watch.exceeded:
        return Status.TIMEOUT, how
    if cause:
        return Status.FAILED, cause
    if stopping:
        return Status.INTERRUPTED, how
    return Status.CRASHED, how


def alike(ends: Iterable[tuple[Job, JobEnd]]) -> dict[JobEnd, list[Job]]:
    """Return the jobs that ended in the same way without a record."""
    found: dict[JobEnd, list[Job]] = {}
    for job, end in ends:
        found.setdefault(end, []).append(job)
    return found
