"""Show the state of each run in a sweep's folder, free disk space there, and remove runs."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from descentlab.errors import UsageError, nearest
from descentlab.launchers import tickets
from descentlab.report.question import QUESTION
from descentlab.store import progress
from descentlab.store.commands import COMMANDS
from descentlab.store.manifest import MANIFEST, MANIFEST_LOCK
from descentlab.store.record import (
    ALIVE,
    CHECKPOINT,
    CONFIG,
    CURVES,
    FAULT,
    LAYERS,
    LAYERS_PARQUET,
    LOCK,
    PARQUET,
    PROGRESS,
    RECORD,
    SINGLE,
    TRACKED,
    Status,
    is_held,
)
from descentlab.store.scratch import left_behind
from descentlab.store.table import AXES, RUNS, RunTable
from descentlab.sweeps.past import REPLACED, read_record

REPORT = (
    "report.html",
    "report.pdf",
    "report-version.js",
    "plotly.js",
    "table.csv",
    "table.md",
    "table.tex",
    "runs.csv",
    PARQUET,
    RUNS,
)
OF_RUN = (
    RECORD,
    CONFIG,
    PROGRESS,
    CURVES,
    PARQUET,
    LAYERS,
    LAYERS_PARQUET,
    CHECKPOINT,
    FAULT,
    SINGLE,
    TRACKED,
    tickets.TICKET,
    "report.html",
)
OF_SWEEP = (
    *REPORT,
    COMMANDS,
    QUESTION,
    MANIFEST,
    MANIFEST_LOCK,
    LOCK,
    REPLACED,
    tickets.FOLDER,
    "wandb",
)  # besides the folders of its runs


@dataclass(frozen=True)
class State:
    """The state of a run.

    Attributes:
        name: name of the run's folder, or of the folder of a table of runs.
        status: the status in its record; without a record "running", "on Slurm as 12_3" or "cut off".
        step: the last step reported, "40/100" if the total is known; the number of finished runs of a table.
        reason: the reason in its record.
        checkpoint: size of its checkpoint in bytes.
    """

    name: str
    status: str
    step: str
    reason: str
    checkpoint: int


def states(sweep: Path) -> list[State]:
    """Return the state of every run that was started in `sweep`.

    Raises:
        UsageError: `sweep` is not the folder of a sweep.
    """
    folders = [path.parent for path in sorted(sweep.glob(f"*/{CONFIG}"))]
    if not folders:
        raise UsageError(f"{sweep} is not the folder of a sweep: no run was started in it")
    busy = is_held(sweep / LOCK)
    return [_state(folder, busy) for folder in folders]


def _state(folder: Path, busy: bool) -> State:
    if (folder / AXES).exists():
        table = RunTable.load(folder.parent)
        status = Status.COMPLETED if table.is_complete else _without_record(folder, busy)
        return State(folder.name, status, f"{table.finished}/{table.size} runs", "", 0)
    state = progress.read(folder)
    step = f"{state.get('step', 0)}/{state['total']}" if state.get("total") else str(state.get("step", ""))
    size = (folder / CHECKPOINT).stat().st_size if (folder / CHECKPOINT).exists() else 0
    record = read_record(folder)
    if record is None:
        return State(folder.name, _without_record(folder, busy), step, "", size)
    if record.status.is_result:
        step = str(record.summary.get("steps", step))
    return State(folder.name, record.status, step, record.reason, size)


def _without_record(folder: Path, busy: bool) -> str:
    if id := tickets.ticket(folder):
        return f"on Slurm as {id}"
    return "running" if busy else "cut off"


def prune(sweep: Path, interrupted: bool = False) -> Iterator[tuple[Path, int]]:
    """Remove checkpoints of runs that have a result, results that newer ones replaced, and scratch files of killed processes.

    Yield each path and its bytes.

    Args:
        sweep: the sweep's folder.
        interrupted: also remove the checkpoints from which the same command would resume.

    Raises:
        UsageError: a command is training the sweep.
    """
    _check_idle(sweep)
    for state in states(sweep):
        checkpoint = sweep / state.name / CHECKPOINT
        if state.checkpoint and (interrupted or state.status in (Status.COMPLETED, Status.DIVERGED)):
            checkpoint.unlink()
            yield checkpoint, state.checkpoint
    for path in [*sorted((sweep / REPLACED).glob("*")), *_scratch_files(sweep)]:
        yield _delete(path)


def _scratch_files(sweep: Path) -> Iterator[Path]:
    """Yield the files that killed processes left in the middle of a write, in the folders of the sweep and of its runs."""
    yield from left_behind(sweep, OF_SWEEP)
    for folder in [path.parent for path in sorted(sweep.glob(f"*/{CONFIG}"))]:
        on_slurm = tickets.has_ticket(folder) and not (folder / RECORD).exists()  # perhaps on another machine
        if not is_held(folder / ALIVE) and not on_slurm:
            yield from left_behind(folder, OF_RUN)


def remove(sweep: Path, runs: Sequence[str] = ()) -> Iterator[tuple[Path, int]]:
    """Remove runs of a sweep, or the whole sweep. Yield each removed path and its bytes.

    Files that descentlab does not write are kept, and then also the sweep's folder.

    Args:
        sweep: the sweep's folder.
        runs: names of the runs' folders, or run ids; empty: all runs, the report, replaced results and offline curves.

    Raises:
        UsageError: `sweep` is not the folder of a sweep, a run is unknown or has not ended; nothing was removed.
    """
    _check_idle(sweep)
    names = [state.name for state in states(sweep)]
    chosen = [_find(sweep, names, run) for run in runs] if runs else [sweep / name for name in names]
    _check_ended(chosen)
    others = [] if runs else [*(sweep / name for name in OF_SWEEP), *left_behind(sweep, OF_SWEEP)]
    for path in [*chosen, *others]:
        if path.exists():
            yield _delete(path)
    if (sweep / tickets.FOLDER).exists():
        for path in tickets.files_without_run(sweep, [path.parent for path in sweep.glob(f"*/{CONFIG}")]):
            yield _delete(path)
    if not any(sweep.iterdir()):
        sweep.rmdir()


def _check_idle(sweep: Path) -> None:
    if is_held(sweep / LOCK):
        raise UsageError(f"a command is training {sweep}: wait until it has ended")


def _find(sweep: Path, names: Sequence[str], run: str) -> Path:
    """Return the folder of the run that has this name or this id."""
    name = Path(run).name
    for known in names:
        if name in (known, known.rpartition("-")[2]):
            return sweep / known
    raise UsageError(f"there is no run {run} in {sweep}{nearest(name, names)}")


def _check_ended(folders: Sequence[Path]) -> None:
    """Check that no process or job on a cluster will write to the folders of runs."""
    submitted = [folder for folder in folders if tickets.has_ticket(folder)]
    jobs = tickets.query() if submitted else None
    for folder in folders:
        if is_held(folder / ALIVE):
            raise UsageError(f"a process still trains {folder}: wait until it has ended")
    for folder in submitted:
        id = tickets.ticket(folder, jobs)
        if jobs is None and not (folder / RECORD).exists():  # a record shows that the job has ended
            cancel = f" as {id}: cancel it first, with scancel {id}" if id else ", which does not answer"
            raise UsageError(f"{folder} is on Slurm{cancel}")
        if jobs is not None and id and jobs.is_alive(id):
            raise UsageError(f"{folder} is on Slurm as {id}: cancel it first, with scancel {id}")


def _delete(path: Path) -> tuple[Path, int]:
    """Delete a file or a folder. Return its path and size in bytes."""
    if path.is_dir() and not path.is_symlink():
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        shutil.rmtree(path)
        return path, size
    size = path.lstat().st_size
    path.unlink()
    return path, size
