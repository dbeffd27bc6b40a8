"""The kill matrix: every fault at every point of a run, the same command run twice, and the files after each run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from descentlab.store import checkpoint as checkpoints
from descentlab.store import record as records
from descentlab.store.record import CHECKPOINT
from support.lab import Lab

# fault -> its status and a pattern of its reason, unless PLACES has an entry for the place where it strikes
FAULTS = {
    "kill": ("crashed", "killed by SIGKILL"),
    "segfault": ("crashed", "killed by SIGSEGV"),
    "exit": ("crashed", "exited with code 7"),
    "exit0": ("crashed", "exited with code 0"),
    "leave": ("crashed", "exited with code 0"),
    "raise": ("failed", "ArithmeticError.*broken on purpose"),
    "memory": ("failed", "allocate memory"),
    "terminate": ("interrupted", "SIGTERM"),
    "nan": ("diverged", "loss was nan at step"),
    "hang": ("timeout", "no progress for heartbeat=8 seconds"),
    "stop": ("timeout", "no progress for heartbeat=8 seconds"),
}
PLACES = {
    ("raise", "record"): ("crashed", "exited with code 1"),  # the record could not be written; the log has the exception
    ("memory", "record"): ("crashed", "exited with code 1"),
    ("terminate", "record"): ("completed", ""),  # training has ended
}
WHERE = ("start", "mid", "validation", "record")
ALL = [f"{fault}-{where}" for fault in FAULTS for where in WHERE if (fault, where) != ("nan", "record")]
ALL += [f"{fault}-{where}" for fault in ("kill", "raise") for where in ("data", "callback", "before", "test", "checkpoint")]


def expected(fault: str) -> tuple[str, str]:
    """Return the status of a fault and a pattern of its reason."""
    kind, where = fault.split("-")[:2]
    return PLACES.get((kind, where), FAULTS[kind])


def rows_before(step: int, folder: Path) -> pl.DataFrame:
    """Return the curves up to `step` with their times, which tell a row that was written once from one written again."""
    return records.read_curves(folder).filter(pl.col("step") < step)


class Matrix:
    """Runs the same command twice: faults strike in the first one.

    Args:
        lab: where the commands run.
        faults: one run is trained for each of them, and one without a fault.
        words: further words of the command; heartbeat=8 if there are none.
    """

    def __init__(self, lab: Lab, faults: Sequence[str], *words: str) -> None:
        self.faults, self.lab = faults, lab
        words = f"+model.fault={','.join(['none', *faults])}", *(words or ("heartbeat=8",))
        self.first = lab.run(*words)
        self.after_first = lab.records()
        self.logs = {fault: (path / records.LOG).read_text() for fault, path in lab.folders().items()}
        interrupted = {fault: path for fault, path in lab.folders().items() if (path / CHECKPOINT).exists()}
        self.steps = {fault: checkpoints.read(path)["step"] for fault, path in interrupted.items()}
        self.saved = {fault: rows_before(self.steps[fault], path) for fault, path in interrupted.items()}
        self.second = lab.run(*words)
        self.after_second = lab.records()

    def trained_once(self, fault: str) -> bool:
        """Return True if the rows up to the checkpoint are still those of the process that wrote it."""
        saved, folder = self.saved[fault], self.after_second[fault].folder
        return saved.height > 1 and rows_before(self.steps[fault], folder).select(saved.columns).equals(saved)
