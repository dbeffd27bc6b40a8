"""Run a command: validate configs, plan runs, train, report."""

from __future__ import annotations

import contextlib
import os
import runpy
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from descentlab.config.compose import Composed, refuse
from descentlab.config.contradictions import without_effect
from descentlab.config.resolve import resolve
from descentlab.errors import UsageError, describe_error, nearest
from descentlab.launchers.base import Launcher
from descentlab.launchers.factory import MakeLauncher
from descentlab.launchers.preflight import may_pass
from descentlab.parallel import ranks
from descentlab.store.commands import remember
from descentlab.store.core import Core
from descentlab.store.job import Job
from descentlab.store.record import LOCK, Record, Status
from descentlab.sweeps import summary
from descentlab.sweeps.grouping import Grouping, describe
from descentlab.sweeps.later_checks import Checked, check_each
from descentlab.sweeps.past import JobDecision, decide, decide_all
from descentlab.sweeps.plan import plan_jobs, same_runs
from descentlab.sweeps.queue import Queue
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.source import Grid, Intake, Source
from descentlab.sweeps.view import ProgressView
from descentlab.tracking.writer import Writer

WANDB_MODES = ("online", "offline", "disabled", "shared", "dryrun", "run")


def print_error(message: str) -> None:
    """Print `message` to the standard error stream of the moment."""
    print(message, file=sys.stderr)


def launch(composed: Iterable[Composed], make_launcher: MakeLauncher, signals: StopSignals | None = None) -> list[Record]:
    """Train every composed run and report. Return the records of the runs that ended, reused results included.

    In a follower process, which torchrun or srun has started, train as one of the processes of the run.

    Args:
        composed: the runs.
        make_launcher: makes the launcher for given jobs.
        signals: counts the requests to stop; a stopped command returns fewer records than there are runs.

    Raises:
        UsageError: a config is not valid, or cannot work; nothing was started.
    """
    jobs = _plan_of_command(composed)
    if not ranks.is_first():
        return [follow(jobs[0])]
    sweep, asked = jobs[0].folder.parent, jobs[0].config.get("report")
    return train(Grid(jobs), make_launcher, signals, finish=lambda writer: report(sweep, asked, writer))


def dry_run(composed: Iterable[Composed], make_launcher: MakeLauncher) -> None:
    """Check every composed run as `launch` does, print the decision for each, and start nothing.

    Raises:
        UsageError: a config is not valid, or cannot work.
    """
    jobs = _plan_of_command(composed)
    if not ranks.is_first():
        return
    decisions = decide_all(jobs)
    todo = [job for job in jobs if decisions[job.id][0] is not JobDecision.REUSE]
    groups: list[str] = []
    if todo:
        launcher = make_launcher(todo)
        check(launcher, todo, print_error)
        groups += describe(Grouping(launcher.fusing).divide(todo), todo)
    for job in jobs:
        decision, reason = decisions[job.id]
        print(f"{decision:7} {job.folder}{f'  ({reason})' if reason else ''}")
    for line in groups:
        print(line)
    print(f"{len(todo)} of {len(jobs)} runs would start; nothing was started")


def _plan_of_command(composed: Iterable[Composed]) -> list[Job]:
    """Return the jobs of a command. There must be one if torchrun, srun or several nodes run the command."""
    jobs = checked_plan(composed, print_error)
    by_hand = ranks.on_several_nodes() and any(job.core.trainer.num_nodes > 1 for job in jobs)
    if (ranks.started_outside() or by_hand) and len(jobs) > 1:
        raise UsageError("torchrun, srun and one command a node start one run; for a sweep use hydra/launcher=slurm")
    return jobs


def checked_plan(composed: Iterable[Composed], notify: Callable[[str], None] = print) -> list[Job]:
    """Validate the configs of the composed runs and return their jobs.

    Args:
        composed: the runs.
        notify: receives a sentence for each run that is given several times.

    Raises:
        UsageError: a config is not valid.
    """
    choices: list[Mapping[str, str]] = []
    overrides: list[Sequence[str]] = []

    def kept() -> Iterator[Composed]:
        for run in composed:
            choices.append(run.choices)
            overrides.append(run.overrides)
            yield run

    configs = validated(kept())
    jobs = plan_jobs(configs, choices, overrides)
    if len(jobs) < len(configs):
        for line in same_runs(configs, overrides):
            notify(line)
    return jobs


def validated(composed: Iterable[Composed]) -> list[dict[str, Any]]:
    """Return the resolved configs of the composed runs.

    Raises:
        UsageError: a config is not valid; the message lists the mistakes of all of them.
    """
    configs: list[dict[str, Any]] = []
    words: dict[str, None] = {}
    mistakes: list[str] = []
    for run in composed:
        config, found = resolve(run.config, run.choices)
        configs.append(config)
        words |= dict.fromkeys(run.overrides)
        mistakes += found
    refuse(mistakes)
    if any(config.get("records") == "table" for config in configs):
        refuse(["records: table in a file has no effect: give records=table on the command line"])
    refuse([*without_effect(configs, words), *unknown_wandb_mode(configs)])
    return configs


def unknown_wandb_mode(configs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a message if any run is tracked and WANDB_MODE is not one of W&B's modes."""
    mode = os.environ.get("WANDB_MODE")
    if mode and mode not in WANDB_MODES and any(Core.of(config).logger.project for config in configs):
        yield f"WANDB_MODE={mode}: it is one of {', '.join(WANDB_MODES)}{nearest(mode, WANDB_MODES)}"


def train(
    source: Source,
    make_launcher: MakeLauncher,
    signals: StopSignals | None = None,
    view: ProgressView | None = None,
    finish: Callable[[Writer], None] = lambda _: None,
) -> list[Record]:
    """Run the jobs of `source` and return the records of those that ended, in the order in which they were proposed.

    Results of earlier commands are reused. All jobs of a source belong to one sweep.

    Args:
        source: the jobs.
        make_launcher: makes the launcher for given jobs.
        signals: counts the requests to stop.
        view: shows the progress.
        finish: called after the last run with the writer of the W&B runs, while the sweep is locked if any run was started:
            `report.py --watch`, which waits for the lock, does not write the last page at the same time.

    Raises:
        UsageError: a required job of the first round cannot work; nothing was started. Any other job fails instead.
    """
    signals = signals or StopSignals()
    intake = Intake(source)
    first = intake.next()
    launcher = make_launcher(first.jobs) if first.jobs else None
    view = view or ProgressView()
    if first.decided:
        view.add(intake.sweep, first.decided)
    with Writer(print_error) as writer:
        if launcher is None:
            if first.decided:
                intake.save()
            _finish(intake, writer, finish)
            return intake.ended()
        with lock_sweep(intake.sweep):
            with launcher:
                summary.import_early()
                writer.expect(first.jobs)
                refused = check(launcher, first.jobs, view.print, source.required)
                remember(intake.sweep, sys.argv)  # for a report during training
                intake.notify = lambda record: writer.add(record, intake.sweep / record.name)
                _run(Queue(launcher, intake, first.jobs, view, signals, refused=refused), intake, view, signals)
            _finish(intake, writer, finish)
    return intake.ended()


def _finish(intake: Intake, writer: Writer, finish: Callable[[Writer], None]) -> None:
    """Write also the W&B runs that earlier commands did not write, and call `finish`."""
    for record in intake.records.values():
        writer.add(record, intake.sweep / record.name)
    finish(writer)


def _run(queue: Queue, intake: Intake, view: ProgressView, signals: StopSignals) -> None:
    """Run the queue, show its progress, and save the state of the source."""
    with view, signals:
        queue.run()
        intake.save()
        if signals.count:
            view.print("rerun the same command to resume")


def check(
    launcher: Launcher,
    jobs: Sequence[Job],
    notify: Callable[[str], None],
    required: Callable[[Sequence[Job]], Sequence[Job]] = lambda jobs: jobs,
) -> dict[str, str]:
    """Check that `jobs` work with `launcher`, and return the mistakes in those that are not required, by run id.

    Args:
        launcher: the launcher.
        jobs: the jobs.
        notify: receives notes for the user.
        required: returns the jobs that must work, as Source.required.

    Raises:
        UsageError: a required run cannot work.
    """
    notify("loading torch, checking the runs ...")
    found = launcher.check(jobs)
    alone = _check_alone(launcher, jobs, required(jobs), found.mistakes) if found.mistakes else Checked()
    for note in dict.fromkeys([*found.notes, *alone.notes]):
        notify(note)
    return {job.id: mistake for job, mistake in alone.mistakes}


def _check_alone(launcher: Launcher, jobs: Sequence[Job], required: Sequence[Job], mistakes: Sequence[str]) -> Checked:
    """Check those of `jobs` that are not required, and return the results.

    Raises:
        UsageError: a required job has a mistake, or none of `jobs` has one by itself; `mistakes` are those of all `jobs`.
    """
    needed = {job.id for job in required}
    others = [job for job in jobs if job.id not in needed]
    if not others:
        refuse(mistakes)
    if required:
        refuse(launcher.check(required).mistakes)
    found = check_each(launcher.check, others)
    if not found.mistakes:
        refuse([mistake for mistake in mistakes if not may_pass(mistake)])
    return found


def report(sweep: Path, asked: Mapping[str, Any] | None, writer: Writer) -> None:
    """Write the report of the sweep, with the config's node `report`. A failure leaves the records as they are."""
    try:
        summary.show(sweep, asked, writer)
    except Exception as error:  # no record, no space on the disk, an error while drawing
        print_error(f"no report: {describe_error(error)}; python scripts/report.py {sweep} tries again")


def follow(job: Job) -> Record:
    """Run as one of the other processes of a run that torchrun, srun or a command on each node has started.

    Return the outcome of this process; the first process writes the record of the run.
    """
    if decide(job)[0] is JobDecision.REUSE:
        return Record.read(job.folder)
    code: object = 0
    with tempfile.TemporaryDirectory(prefix="descentlab-") as folder:
        replace(job, folder=Path(folder)).save()
        sys.argv = ["descentlab.run", folder]
        try:
            runpy.run_module("descentlab.run", run_name="__main__", alter_sys=True)
        except SystemExit as leaving:
            code = leaving.code
    return job.record(Status.FAILED, f"exited with code {code}") if code else job.record(Status.COMPLETED, "")


@contextlib.contextmanager
def lock_sweep(sweep: Path) -> Iterator[None]:
    """Lock the sweep's folder, so that two commands never train the same sweep at the same time."""
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
        if list(sweep.iterdir()) == [sweep / LOCK]:  # the command started no run
            shutil.rmtree(sweep)
