"""What earlier commands have left of a run, and so what is to be done with it: reuse, continue or begin."""

from __future__ import annotations

import shutil
from dataclasses import replace
from enum import StrEnum
from pathlib import Path

import yaml

from descentlab.store import provenance
from descentlab.store.job import Job
from descentlab.store.record import ALIVE, CHECKPOINT, CONFIG, FAULT, PROGRESS, RECORD, STOP, Record, is_held

REPLACED = ".replaced"  # below a sweep: results that a newer one took the place of, until they are pruned


class Fate(StrEnum):
    NEW = "new"
    REUSE = "reused"
    CONTINUE = "continued"
    AGAIN = "run again"
    REPLACE = "replaced"


def judge(job: Job) -> tuple[Fate, str]:
    """What is to be done with `job`, and why. Nothing that other code or other versions made is used."""
    record = read_record(job.folder)
    if record is None and not (job.folder / CONFIG).exists():
        return Fate.NEW, ""
    if job.config["rerun"]:
        return Fate.AGAIN, "rerun=true"
    now = provenance.origin(job.config)
    if record is not None and record.status.is_result:
        differing = _differing(record.versions, now)
        return (Fate.REPLACE, f"made by other {differing}") if differing else (Fate.REUSE, record.status)
    last = _last_attempt(job)
    usable = last is not None and last.origin == now and has_checkpoint(job)
    return (Fate.CONTINUE if usable else Fate.AGAIN), (record.status if record else "cut off")


def finished_since(job: Job, fate: Fate) -> Record | None:
    """The result of a job that had none when its fate was judged: an earlier command's process was about to end."""
    record = None if fate is Fate.REPLACE else read_record(job.folder)
    return record if record is not None and judge(job)[0] is Fate.REUSE else None


def has_checkpoint(job: Job) -> bool:
    return (job.folder / CHECKPOINT).exists()


def is_alive(job: Job) -> bool:
    """Whether a process of an earlier command still runs `job`; it will notice soon that the command is gone."""
    return is_held(job.folder / ALIVE)


def read_record(folder: Path) -> Record | None:
    """The record in `folder`; None if there is none that can be read."""
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
    """The names of what is not the same."""
    return ", ".join(sorted(name for name in {*then, *now} if then.get(name) != now.get(name)))


def prepare(job: Job, fate: Fate) -> Job:
    """Make the folder ready for the next attempt at `job`, and write its config there.

    Raises:
        OSError: the folder cannot be written.
    """
    last, record = _last_attempt(job), read_record(job.folder)
    before = 0 if last is None or (record is not None and record.status.is_result) else last.attempt
    if fate is Fate.CONTINUE:
        named = [job.folder / name for name in (RECORD, FAULT, PROGRESS, STOP)]
        half_written = [path for path in job.folder.glob(".*") if path.name != ALIVE]
        for leftover in [*named, *half_written]:
            leftover.unlink(missing_ok=True)
    else:
        _set_aside(job, record)
    ready = replace(job, attempt=before + 1, origin=provenance.origin(job.config))
    ready.save()
    return ready


def _set_aside(job: Job, record: Record | None) -> None:
    """Empty the folder of `job`; a result goes to REPLACED, where it takes the place of an older one."""
    if record is not None and record.status.is_result:
        kept = job.folder.parent / REPLACED / job.name
        shutil.rmtree(kept, ignore_errors=True)
        kept.parent.mkdir(exist_ok=True)
        job.folder.rename(kept)
    elif job.folder.exists():
        shutil.rmtree(job.folder)
