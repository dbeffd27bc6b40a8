"""Decide for each job, from the files of earlier commands: reuse, resume, rerun, replace or start."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import yaml

from descentlab.config.identity import config_key
from descentlab.config.shape import named_parts
from descentlab.launchers import preflight
from descentlab.launchers.server import fork_server
from descentlab.store import provenance
from descentlab.store.job import Job
from descentlab.store.record import (
    ALIVE,
    CHECKPOINT,
    CONFIG,
    FAULT,
    PROGRESS,
    RECORD,
    SINGLE,
    STOP_REQUEST,
    TRACKED,
    Record,
    is_held,
)

MEASURING = {"diagnostics": "the probes", "alerts": "the alert rules"}  # nodes of a config that are not part of the id
WITHOUT = "without"  # in the reason of a result that is reused: what it does not have
REPLACED = ".replaced"  # in the sweep's folder: results that newer ones replaced, kept until they are pruned


class JobDecision(StrEnum):
    """The decision about a job."""

    START = "start"  # there is no earlier attempt
    REUSE = "reuse"  # it has a result
    RESUME = "resume"  # continue from its checkpoint
    RERUN = "rerun"  # repeat from the first step
    REPLACE = "replace"  # repeat, because its result comes from other code, versions or data


def decide_all(jobs: Sequence[Job], digests: dict[str, str | None] | None = None) -> dict[str, tuple[JobDecision, str]]:
    """Return each job's decision and its reason, by run id.

    A result on a user's own data, which have no version, is reused only if the data have the digest that its record holds.

    Args:
        jobs: the jobs.
        digests: digests that are known already, by the key of the data's node; new ones are added.
    """
    decisions = {job.id: decide(job) for job in jobs}
    reused = [job for job in jobs if decisions[job.id][0] is JobDecision.REUSE]
    own = [job for job in reused if preflight.may_change(job.config["data"])]
    known = {} if digests is None else digests
    _add_digests(known, own)
    for job in own:
        digest = known[config_key(job.config["data"])]
        if digest is not None and digest != Record.read(job.folder).data["digest"]:
            decisions[job.id] = (JobDecision.REPLACE, "trained on other data")
    return decisions


def _add_digests(known: dict[str, str | None], jobs: Sequence[Job]) -> None:
    """Add to `known` the digests of the data of `jobs` that it lacks; None for data that cannot be read."""
    nodes = {key: job.config["data"] for job in jobs if (key := config_key(job.config["data"])) not in known}
    if nodes:
        found = preflight.digests_of(fork_server(jobs[0].core.threads), list(nodes.values()))
        known.update(zip(nodes, found, strict=True))


def decide(job: Job) -> tuple[JobDecision, str]:
    """Return the decision for `job` and its reason. Neither results nor checkpoints of other code or versions are used."""
    record = read_record(job.folder)
    if record is None and not (job.folder / CONFIG).exists():
        return JobDecision.START, ""
    if job.core.rerun:
        return JobDecision.RERUN, "rerun=true"
    now = provenance.origin(job.config)
    if record is not None and record.status.is_result:
        differing = _differing(record.versions, now)
        if differing:
            return JobDecision.REPLACE, f"trained with other {differing}"
        return JobDecision.REUSE, f"{record.status}{_not_measured(record, job)}"
    last = _last_attempt(job)
    usable = last is not None and last.origin == now and has_checkpoint(job)
    return (JobDecision.RESUME if usable else JobDecision.RERUN), (record.status if record else "cut off")


def _not_measured(record: Record, job: Job) -> str:
    """Return which probes and alert rules of `job` its result does not have; they are not part of a run's id."""
    wanted = {key: named_parts(job.config, key).keys() - named_parts(record.config, key).keys() for key in MEASURING}
    texts = [f"{MEASURING[key]} {', '.join(sorted(names))}" for key, names in wanted.items() if names]
    return f" {WITHOUT} {' and '.join(texts)}" if texts else ""


def earlier_fault(job: Job) -> Record | None:
    """Return the record of an attempt at `job` by the same code and versions that failed, crashed or took too long.

    None if there is none, or if rerun=true asks for another attempt.
    """
    record = read_record(job.folder)
    if record is None or not record.status.is_fault or job.core.rerun:
        return None
    last = _last_attempt(job)
    return record if last is not None and last.origin == provenance.origin(job.config) else None


def finished_since(job: Job, decision: JobDecision) -> Record | None:
    """Return a result written since `decision` was made, by a process of an earlier command that was about to end."""
    record = None if decision is JobDecision.REPLACE else read_record(job.folder)
    return record if record is not None and decide(job)[0] is JobDecision.REUSE else None


def has_checkpoint(job: Job) -> bool:
    """Return True if `job` has a checkpoint."""
    return (job.folder / CHECKPOINT).exists()


def is_alive(job: Job) -> bool:
    """Return True if a process of an earlier command still runs `job`; it stops soon after that command is gone."""
    return is_held(job.folder / ALIVE)


def read_record(folder: Path) -> Record | None:
    """Return the record in `folder`; None if it is missing or cannot be read."""
    try:
        return Record.read(folder)
    except (OSError, ValueError):
        return None


def _last_attempt(job: Job) -> Job | None:
    try:
        return Job.load(job.folder)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError):
        return None


def _differing(then: dict[str, str], now: dict[str, str]) -> str:
    """Return the names whose values differ."""
    return ", ".join(sorted(name for name in {*then, *now} if then.get(name) != now.get(name)))


def prepare(job: Job, decision: JobDecision) -> Job:
    """Prepare the folder of `job` for its next attempt, write its config there, and return the job with its attempt's number.

    Raises:
        OSError: the folder cannot be written.
    """
    last, record = _last_attempt(job), read_record(job.folder)
    before = 0 if last is None or (record is not None and record.status.is_result) else last.attempt
    if decision is JobDecision.RESUME:
        named = [job.folder / name for name in (RECORD, FAULT, PROGRESS, SINGLE, STOP_REQUEST, TRACKED)]
        incomplete = [path for path in job.folder.glob(".*") if path.name != ALIVE]
        for leftover in [*named, *incomplete]:
            leftover.unlink(missing_ok=True)
    else:
        _set_aside(job, record)
    ready = replace(job, attempt=before + 1, origin=provenance.origin(job.config))
    ready.save()
    return ready


def _set_aside(job: Job, record: Record | None) -> None:
    """Empty the folder of `job`; a result is moved to REPLACED, where it overwrites an older one."""
    if record is not None and record.status.is_result:
        kept = job.folder.parent / REPLACED / job.name
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(exist_ok=True)
        job.folder.rename(kept)
    elif job.folder.exists():
        shutil.rmtree(job.folder)
