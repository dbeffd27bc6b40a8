"""Run a command with records=table: plan it, train its parts in a process for each core, merge them, report."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from descentlab.config.command_line import Command
from descentlab.config.compose import refuse
from descentlab.config.identity import run_id
from descentlab.config.machine import beyond_this_machine
from descentlab.config.table import TablePlan, plan_table
from descentlab.errors import UsageError
from descentlab.store import provenance
from descentlab.store.job import Job, short_hash
from descentlab.store.record import CONFIG, LOG
from descentlab.store.table import FOLDER, RUNS, RunTable
from descentlab.sweeps import summary
from descentlab.sweeps.launch import lock_sweep, print_error
from descentlab.sweeps.plan import as_file_name
from descentlab.sweeps.signals import StopSignals
from descentlab.sweeps.table_workers import Workers


def launch_table(command: Command, signals: StopSignals | None = None) -> Path:
    """Train the runs of a table that have no result, and report. Return the folder of the sweep.

    Finished parts of an earlier command with the same runs, code and versions are kept.

    Raises:
        UsageError: the command cannot be carried out as a table; nothing was started.
    """
    signals = signals or StopSignals()
    plan = plan_table(command)
    job, table = _job_and_table(plan)
    refuse(list(beyond_this_machine(plan.config)))
    _check_folder(table)
    with lock_sweep(table.sweep):
        reason = _reason_to_restart(job, table)
        if reason:
            print_error(f"{table.sweep}: all runs are trained again ({reason})")
            table.clear()
        if table.is_complete:
            print_error(f"{table.sweep}: {table.size:,} runs, finished before and reused (rerun=true trains again)")
        else:
            job.save()
            table.save()
            _train(job, table, signals)
        summary.show_table(table.sweep)
    return table.sweep


def dry_run_table(command: Command) -> None:
    """Check a command as `launch_table` does, print the number of runs that would start, and start none.

    Raises:
        UsageError: the command cannot be carried out as a table.
    """
    plan = plan_table(command)
    job, table = _job_and_table(plan)
    refuse(list(beyond_this_machine(plan.config)))
    _check_folder(table)
    todo = 0 if table.is_complete else sum(len(table.parts[part]) for part in table.missing)
    if _reason_to_restart(job, table):
        todo = table.size
    if todo:
        _check(job, table)
    print(f"{table.sweep / RUNS}: {' x '.join(f'{len(axis.values)} values of {axis.key}' for axis in table.axes)}")
    print(f"{todo:,} of {table.size:,} runs would start; nothing was started")


def _check(job: Job, table: RunTable) -> None:
    """Check in a process that the runs can be stacked, without writing into the folder of the sweep."""
    with tempfile.TemporaryDirectory(prefix="descentlab-") as folder:
        trial = RunTable(Path(folder), table.axes, table.orders)
        made = replace(job, folder=trial.folder)
        made.save()
        trial.save()
        with Workers(made, trial) as workers:
            workers.check()


def _job_and_table(plan: TablePlan) -> tuple[Job, RunTable]:
    """Return the job of the base config, and the table."""
    config = plan.config
    content = json.dumps([[axis.key, list(axis.values)] for axis in plan.axes])
    id = short_hash(f"{run_id(config)} {content}")
    name = config["sweep"] or f"{as_file_name(plan.base.choices['problem'])}-table-{id}"
    sweep = Path(config["output_dir"]) / name
    choices = {key: option for key, option in plan.base.choices.items() if "hydra" not in key and option is not None}
    origin = provenance.origin(config)
    job = Job(id, "table", name, choices, {**config, "sweep": name}, sweep / FOLDER, origin=origin)
    return job, RunTable(sweep, plan.axes, plan.orders)


def _check_folder(table: RunTable) -> None:
    """Check that the folder of the sweep holds nothing but this table.

    Raises:
        UsageError: it holds runs, or another table.
    """
    known = RunTable.load(table.sweep).axes
    others = [path.parent.name for path in table.sweep.glob(f"*/{CONFIG}") if path.parent != table.folder]
    if others or (known and list(known) != list(table.axes)):
        held = "another table" if known else f"runs, such as {others[0]}"
        raise UsageError(f"{table.sweep} holds {held}; records=table needs a sweep by itself: give it another name, sweep=...")


def _reason_to_restart(job: Job, table: RunTable) -> str:
    """Return the reason for which earlier results are not used; "" if they are, or if there are none."""
    if not (table.folder / CONFIG).exists():
        return ""
    before = Job.load(table.folder)
    if job.core.rerun:
        return "rerun=true"
    if before.id != job.id:
        return "trained with another config"
    return "trained with other code or versions" if before.origin != job.origin else ""


def _train(job: Job, table: RunTable, signals: StopSignals) -> None:
    """Train the missing parts, and merge all that are finished."""
    print_error(f"{table.sweep}: {table.size:,} runs in {len(table.parts):,} parts")
    if len(table.missing) < len(table.parts):
        print_error(f"{len(table.parts) - len(table.missing):,} parts were finished before")
    try:
        with signals, Workers(job, table) as workers:
            workers.train(signals)
    except UsageError:
        if len(table.missing) == len(table.parts) and not (table.folder / LOG).stat().st_size:
            shutil.rmtree(table.folder)
        raise
    table.merge()
    for line in _remarks(workers, signals):
        print_error(line)


def _remarks(workers: Workers, signals: StopSignals) -> Iterator[str]:
    yield from dict.fromkeys(workers.failures)
    if signals.count:
        yield "rerun the same command to resume"
