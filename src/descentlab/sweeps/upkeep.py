"""Show the state of each run in a sweep's folder, and free disk space there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from descentlab.errors import UsageError
from descentlab.launchers.slurm import ticket
from descentlab.store import progress
from descentlab.store.record import CHECKPOINT, CONFIG, LOCK, Status, is_held
from descentlab.sweeps.past import REPLACED, read_record


@dataclass(frozen=True)
class State:
    """The state of a run.

    Attributes:
        name: name of the run's folder.
        status: the status in its record; without a record "running", "on Slurm as 12_3" or "cut off".
        step: the last step reported, "40/100" if the total is known.
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
    if id := ticket(folder):
        return f"on Slurm as {id}"
    return "running" if busy else "cut off"


def prune(sweep: Path, interrupted: bool = False) -> Iterator[tuple[Path, int]]:
    """Remove checkpoints of runs that have a result, and results that newer ones replaced. Yield each path and its bytes.

    Args:
        sweep: the sweep's folder.
        interrupted: also remove the checkpoints from which the same command would resume.

    Raises:
        UsageError: a command is training the sweep.
    """
    if is_held(sweep / LOCK):
        raise UsageError(f"a command is training {sweep}: wait until it has ended")
    for state in states(sweep):
        checkpoint = sweep / state.name / CHECKPOINT
        if state.checkpoint and (interrupted or state.status in (Status.COMPLETED, Status.DIVERGED)):
            checkpoint.unlink()
            yield checkpoint, state.checkpoint
    for replaced in sorted((sweep / REPLACED).glob("*")):
        size = sum(file.stat().st_size for file in replaced.rglob("*") if file.is_file())
        shutil.rmtree(replaced)
        yield replaced, size
