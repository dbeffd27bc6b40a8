"""Run a command, top to bottom: check every config, plan the runs, train them, report."""

from __future__ import annotations

import contextlib
import inspect
import os
import runpy
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from hydra.utils import get_class

from descentlab.config.compose import Composed, refuse
from descentlab.config.contradictions import without_effect
from descentlab.config.ranges import LAUNCHER
from descentlab.config.resolve import resolve
from descentlab.errors import UsageError, describe_error, format_value, nearest, no_such_key, one_line
from descentlab.launchers import preflight
from descentlab.launchers.base import Place
from descentlab.launchers.local import fork_server
from descentlab.parallel import ranks
from descentlab.store.job import Job
from descentlab.store.record import LOCK, Record, Status
from descentlab.sweeps.past import Fate, judge
from descentlab.sweeps.plan import plan, same_runs
from descentlab.sweeps.queue import Alarm, Queue
from descentlab.sweeps.view import View

MakePlace = Callable[[Sequence[Job]], Place]
WANDB_MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")
DECISIONS = {Fate.NEW: "start", Fate.REUSE: "reuse", Fate.CONTINUE: "resume", Fate.AGAIN: "rerun", Fate.REPLACE: "replace"}


def launch(composed: Iterable[Composed], make_place: MakePlace, dry_run: bool = False) -> int:
    """Train every composed run and report; returns the exit code.

    Args:
        composed: the runs.
        make_place: gives the place where jobs are to run.
        dry_run: print the runs that would start, after all checks, and start none.

    Raises:
        UsageError: some config is not valid, or cannot work; nothing was started.
    """
    jobs = checked_plan(composed, partial(print, file=sys.stderr))
    by_hand = ranks.on_several_nodes() and any(job.config["trainer"]["num_nodes"] > 1 for job in jobs)
    if (ranks.started_outside() or by_hand) and len(jobs) > 1:
        raise UsageError("torchrun, srun and one command a node start one run; for a sweep use hydra/launcher=slurm")
    if dry_run:
        return print_plan(jobs, make_place) if ranks.is_first() else 0
    if not ranks.is_first():
        return follow(jobs[0])

    from descentlab.sweeps import summary

    code = train(jobs, make_place)
    try:
        summary.show(jobs)
    except Exception as error:  # no record, no space, a fault in drawing: the records are there
        print(
            f"no report: {describe_error(error)}; python scripts/report.py {jobs[0].folder.parent} tries again", file=sys.stderr
        )
    return code


def place_maker(launcher: Mapping[str, Any], words: Sequence[str] = ()) -> MakePlace:
    """Return what starts runs, from a file of conf/hydra/launcher: a class and its settings.

    Args:
        launcher: the node of the config: _target_ and settings.
        words: the overrides of the command.

    Raises:
        UsageError: there is no such class, it does not take a setting, or it would ignore one of the words.
    """
    target = launcher["_target_"]
    try:
        place = get_class(target)
        takes = [key for key in inspect.signature(place).parameters if key != "jobs"]
    except Exception as error:  # importing user code may raise anything
        raise UsageError(f"hydra.launcher._target_={target} cannot be imported: {one_line(error)}") from None
    settings = {key: value for key, value in launcher.items() if key != "_target_"}
    if unknown := [key for key in settings if key not in takes]:
        raise UsageError(no_such_key(f"hydra.launcher.{unknown[0]}", target.rpartition(".")[2], takes))
    for key, allowed in LAUNCHER.items():
        if key in settings and settings[key] not in allowed:
            raise UsageError(
                f"hydra.launcher.{key}={format_value(settings[key])} is not allowed: hydra.launcher.{key} is {allowed}"
            )
    for key in (word.lstrip("+").partition("=")[0] for word in words):
        if key in getattr(place, "ignores", {}):
            instead = f": {place.ignores[key]}=..." if place.ignores[key] else ""
            raise UsageError(f"{key}: the launcher {target.rpartition('.')[2]} does not use {key}{instead}")
    return partial(place, **settings)


def checked_plan(composed: Iterable[Composed], say: Callable[[str], None] = print) -> list[Job]:
    """The jobs of the composed runs; `say` is told which runs are the same.

    Raises:
        UsageError: some config is not valid.
    """
    configs: list[dict[str, Any]] = []
    names: list[tuple[Mapping[str, str], Sequence[str]]] = []
    mistakes: list[str] = []
    for run in composed:
        config, found = resolve(run.config, run.choices)
        configs.append(config)
        names.append((run.choices, run.overrides))
        mistakes += found
    refuse(mistakes)
    overrides = [words for _, words in names]
    refuse([*without_effect(configs, (word for words in overrides for word in words)), *unknown_wandb_mode(configs)])
    jobs = plan(configs, [choices for choices, _ in names], overrides)
    if len(jobs) < len(configs):
        for line in same_runs(configs, overrides):
            say(line)
    return jobs


def unknown_wandb_mode(configs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A message if WANDB_MODE is none of W&B's modes and any run is tracked."""
    mode = os.environ.get("WANDB_MODE")
    if mode and mode not in WANDB_MODES and any(config["logger"]["project"] for config in configs):
        yield f"WANDB_MODE={mode}: it is one of {', '.join(WANDB_MODES)}{nearest(mode, WANDB_MODES)}"


def print_plan(jobs: Sequence[Job], make_place: MakePlace) -> int:
    """Check `jobs` as `train` does, print what would become of each, and start nothing; returns 0.

    Raises:
        UsageError: a run cannot work.
    """
    judged = _judged(jobs)
    todo = [job for job in jobs if judged[job.id][0] is not Fate.REUSE]
    if todo:
        _check(make_place(todo), todo, partial(print, file=sys.stderr))
    for job in jobs:
        fate, reason = judged[job.id]
        print(f"{DECISIONS[fate]:7} {job.folder}{f'  ({reason})' if reason else ''}")
    print(f"{len(todo)} of {len(jobs)} runs would start; nothing was started")
    return 0


def train(jobs: Sequence[Job], make_place: MakePlace) -> int:
    """Leave a record for every job; returns 0 if all have a result, 1 if some do not, 128 + signal if asked to end.

    Raises:
        UsageError: a run cannot work; nothing was started.
    """
    judged = _judged(jobs)
    fates = {id: fate for id, (fate, _) in judged.items()}
    todo = [job for job in jobs if fates[job.id] is not Fate.REUSE]
    place = make_place(todo) if todo else None
    view = View(jobs, Counter(judged.values()))
    if place is None:
        return 0
    with _alone_in(todo[0].folder.parent), place:
        _check(place, todo, view.say)
        with view, Alarm() as alarm:
            statuses = Queue(place, todo, fates, view, alarm).run()
            if alarm.count:
                view.say("the same command goes on from here")
    return _exit_code(statuses, alarm, len(todo))


def _check(place: Place, jobs: Sequence[Job], say: Callable[[str], None]) -> None:
    """Check that `jobs` work at `place`; `say` is told what to know before they start.

    Raises:
        UsageError: a run cannot work.
    """
    say("loading torch, checking the runs ...")
    found = place.check(jobs)
    refuse(found.mistakes)
    for note in dict.fromkeys(found.notes):
        say(note)


def _judged(jobs: Sequence[Job]) -> dict[str, tuple[Fate, str]]:
    """The fate of each job and its reason, by id. Of a user's own data, which no version vouches for, numbers are compared."""
    judged = {job.id: judge(job) for job in jobs}
    reused = [job for job in jobs if judged[job.id][0] is Fate.REUSE]
    doubtful = [job for job in reused if preflight.may_change(job.config["data"])]
    if doubtful:
        digests = {job.id: Record.read(job.folder).data["digest"] for job in doubtful}
        changed = preflight.changed_data(fork_server(doubtful[0].config["threads"]), doubtful, digests)
        judged |= dict.fromkeys(changed, (Fate.REPLACE, "made with other data"))
    return judged


def _exit_code(statuses: Mapping[str, Status], alarm: Alarm, wanted: int) -> int:
    if alarm.count:
        return 128 + alarm.first
    return 0 if len(statuses) == wanted and all(status.is_result for status in statuses.values()) else 1


def follow(job: Job) -> int:
    """Be one of the other processes of a run that torchrun or srun, or a person on each node, has started."""
    if judge(job)[0] is Fate.REUSE:
        return 0
    with tempfile.TemporaryDirectory(prefix="descentlab-") as folder:
        replace(job, folder=Path(folder)).save()
        sys.argv = ["descentlab.run", folder]
        try:
            runpy.run_module("descentlab.run", run_name="__main__", alter_sys=True)
        except SystemExit as leaving:
            return int(leaving.code or 0)
    return 0


@contextlib.contextmanager
def _alone_in(sweep: Path) -> Iterator[None]:
    """Hold the sweep's folder, so that the same command typed twice does not train twice into it."""
    sweep.mkdir(parents=True, exist_ok=True)
    lock = FileLock(sweep / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise UsageError(f"another command is training {sweep}; wait for it, or give this one a name: sweep=...") from None
    try:
        yield
    finally:
        lock.release()
        if list(sweep.iterdir()) == [sweep / LOCK]:  # nothing was started
            shutil.rmtree(sweep)
