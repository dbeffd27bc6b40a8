"""The files of a run: its record (config, status, summary) and its curves. Imports neither torch nor Lightning."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from filelock import FileLock, Timeout

from descentlab.store.scratch import scratch_path

if TYPE_CHECKING:
    import polars as pl

SCHEMA = 1
# Config keys that set where a result is stored, how it is observed and how fast it is computed; none changes the result.
NOT_IDENTITY = frozenset(
    {
        "search",
        "sweep",
        "output_dir",
        "data_dir",
        "logger",
        "log_every",
        "diagnostics",
        "alerts",
        "checkpoint",
        "report",
        "records",
        "rerun",
        "hydra",
    }
    | {"workers", "threads", "jobs_per_gpu", "on_error", "retries", "retry_after", "timeout", "heartbeat"}
)
RECORD, CONFIG, LOG, PROGRESS = "record.json", "config.yaml", "log.txt", "progress.json"
LOCK = ".lock"  # in the sweep's folder; held while a command trains the sweep
STOP_REQUEST = "stop"  # the existence of this file asks a run on a cluster to stop
ALIVE = ".alive"  # lock of the first process of a run, held while it lives
SINGLE = "single.json"  # written by the process of a fused group that does not train it: {"reason": ..., "size": largest group}
FUSE = "DESCENTLAB_FUSE"  # environment variable of the process of a fused group: hydra.launcher.fuse, auto or always
AT_ONCE = "DESCENTLAB_AT_ONCE"  # the same: how many of its runs could run at the same time one by one
RELEASE = 120.0  # seconds to wait until a process of the same run that died on another machine releases that lock
FAULT = "fault.json"  # the error of a process other than the one that writes the record
TRACKED = "wandb.json"  # whether Weights & Biases has the run: tracking.mark
EXHIBITS = "exhibits"  # folder of images (.png) and texts (.txt) of the trained model
ANALYSES = "analyses"  # folder of what scripts/landscape.py found (.json)
SNAPSHOTS = "snapshots"  # folder of weights over time, STEP.pt: checkpoint.snapshots
CURVES, PARQUET, CHECKPOINT = "curves.jsonl", "curves.parquet", "last.ckpt"
LAYERS, LAYERS_PARQUET = "layers.jsonl", "layers.parquet"  # what probes measured of each layer


def without_kernels(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return `config` with `fused` of torch's optimizers set to None: its kernels give the same update up to rounding."""
    nodes = {part: config[part] for part in ("optimizer", "auxiliary") if "fused" in (config.get(part) or {})}
    torchs = {part: node for part, node in nodes.items() if str(node.get("_target_")).startswith("torch.optim.")}
    return {**config, **{part: {**node, "fused": None} for part, node in torchs.items()}}


class Status(StrEnum):
    """The status of a run. Completed and diverged are results; failed, crashed and timeout are faults."""

    COMPLETED = "completed"
    DIVERGED = "diverged"
    FAILED = "failed"  # by an exception
    CRASHED = "crashed"  # the process died: a signal, an exit
    TIMEOUT = "timeout"
    INTERRUPTED = "interrupted"
    TRAINING = "training"  # has not ended; only in a report made during training, never stored

    @property
    def is_result(self) -> bool:
        """True if the run gave a result that can be reused."""
        return self in (Status.COMPLETED, Status.DIVERGED)

    @property
    def is_fault(self) -> bool:
        """True if the run ended because of an error, a crash or a limit."""
        return self in (Status.FAILED, Status.CRASHED, Status.TIMEOUT)


@dataclass
class Record:
    """The record of one run.

    Attributes:
        id, name, sweep, choices, config, attempt: as in store.job.Job.
        status: how the run ended.
        reason: a sentence about it; empty for a completed run.
        summary: the metrics and counts of the run.
        timings: seconds of its phases; `load_at_start` and `load_at_end` are the machine's load averages of one minute.
        data: name, sizes, digest, columns and warnings of its data.
        code, versions, hardware: its provenance.
        schema: version of the record format.
        folder: the folder from which the record was read; not stored.
    """

    id: str
    name: str
    sweep: str
    status: Status
    choices: dict[str, str]
    config: dict[str, Any]
    reason: str = ""
    summary: dict[str, Any] = field(default_factory=dict)
    timings: dict[str, float | None] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    code: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    hardware: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    schema: int = SCHEMA
    folder: Path = field(default=Path(), compare=False)

    def write(self, folder: Path) -> None:
        """Write record.json into `folder`, atomically."""
        content = _finite({key: value for key, value in asdict(self).items() if key != "folder"})
        write_json(folder / RECORD, content, durable=True)

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Return the record in `folder`.

        Raises:
            OSError: there is none, or it may not be read.
            ValueError: it is damaged, or has another version of the format.
        """
        content = json.loads((folder / RECORD).read_text())
        schema = content.get("schema") if isinstance(content, dict) else None
        if schema != SCHEMA:
            raise ValueError(f"{folder / RECORD} has schema {schema}, this version reads {SCHEMA}")
        try:
            content["status"] = Status(content["status"])
            return cls(**content, folder=folder)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{folder / RECORD} has a field too many or too few: {error}") from error


def _finite(value: Any) -> Any:
    """Return `value` with None for every number that JSON cannot represent: NaN and infinities."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def find(sweep: Path) -> list[Record]:
    """Return the records of all runs in the folder `sweep`, by name. Print a message for each that cannot be read."""
    found: list[Record] = []
    for path in sorted(sweep.glob(f"*/{RECORD}")):
        try:
            found.append(Record.read(path.parent))
        except (OSError, ValueError) as error:
            print(f"{path} is left out: it cannot be read ({error})", file=sys.stderr)
    return found


def is_held(lock: Path) -> bool:
    """Return True if a living process holds `lock`."""
    if not lock.exists():
        return False
    try:
        with FileLock(lock, blocking=False):
            return False
    except Timeout:
        return True


def read_json(path: Path) -> Mapping[str, Any]:
    """Return the content of a file of `write_json`; empty if it is missing or cannot be read."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def write_json(path: Path, content: Mapping[str, Any], durable: bool = False) -> None:
    """Write `content` to `path` atomically: a reader sees the old file or the new one. `durable` waits for the disk."""
    write_text(path, json.dumps(content, indent=1, default=str), durable)


def write_text(path: Path, text: str, durable: bool = False) -> None:
    """Write `text` to `path` atomically, as `write_json` does."""
    scratch = scratch_path(path)
    with scratch.open("w", encoding="utf-8") as file:
        file.write(text)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    scratch.replace(path)


class RowWriter:
    """Appends rows to a file of JSON lines while a run trains.

    Args:
        folder: the run's folder.
        keep: position in bytes up to which the rows of an earlier process are kept; later ones were not in its checkpoint.
        name: the file.
        sealed: the Parquet file to which it is converted at the end of the run.
    """

    def __init__(self, folder: Path, keep: int = 0, name: str = CURVES, sealed: str = PARQUET) -> None:
        self.folder, self.path, self.sealed = folder, folder / name, folder / sealed
        self.sealed.unlink(missing_ok=True)  # left by a finished run that is trained again
        self.file: TextIO = self.path.open("a")
        self.file.truncate(min(keep, os.fstat(self.file.fileno()).st_size))

    def kept(self) -> list[dict[str, Any]]:
        """Return the rows written so far."""
        return list(_rows(self.path))

    def position(self) -> int:
        """Write all rows to the disk, and return their size in bytes."""
        self.file.flush()
        os.fsync(self.file.fileno())
        return os.fstat(self.file.fileno()).st_size

    def write(self, rows: list[dict[str, Any]]) -> None:
        """Append `rows` and flush them to the operating system, so that a killed process loses none of them."""
        self.file.writelines(json.dumps(row) + "\n" for row in rows)
        self.file.flush()

    def close(self) -> None:
        """Close the file; the rows stay in it."""
        self.file.close()

    def seal(self) -> None:
        """Convert the rows to Parquet at the end of the run. The checkpoint is kept until the record is written."""
        self.close()
        scratch = self.folder / f".{self.sealed.name}"
        _read(self.path, self.sealed).write_parquet(scratch)
        scratch.replace(self.sealed)


def read_curves(folder: Path) -> pl.DataFrame:
    """Return the curves of the run in `folder`, one row for each logged step.

    Columns: step, examples, epoch, gradient_evaluations, train_seconds, train/loss, train/lr, train/grad_norm,
    train/update_norm, valid/..., with null where a quantity was not measured.
    """
    return _read(folder / CURVES, folder / PARQUET)


def read_layers(folder: Path) -> pl.DataFrame:
    """Return what probes measured of the layers of the run in `folder`, one row for each measured step and layer.

    Columns: step, layer (the name of a module), and a column for each quantity, such as grad_norm.
    """
    return _read(folder / LAYERS, folder / LAYERS_PARQUET)


def _read(lines: Path, sealed: Path) -> pl.DataFrame:
    """Return the rows of a file of JSON lines, or of the Parquet file that it became."""
    import polars as pl

    if sealed.exists():
        return pl.read_parquet(sealed)
    rows = list(_rows(lines))
    columns = list(dict.fromkeys(key for row in rows for key in row))
    return pl.DataFrame({key: [row.get(key) for row in rows] for key in columns}, strict=False)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open() as file:
        for line in file:
            try:
                yield json.loads(line)
            except json.JSONDecodeError:  # incomplete, because the process was killed
                continue


def is_better(value: float, than: float | None, mode: str) -> bool:
    """Return True if `value` is better than `than` under `mode` ("min" or "max").

    NaN and the worst possible value (inf under "min", -inf under "max") are never better, even if `than` is None.
    """
    if math.isnan(value) or value == (math.inf if mode == "min" else -math.inf):
        return False
    if than is None:
        return True
    return value < than if mode == "min" else value > than


def finite(values: Mapping[str, float]) -> dict[str, float | None]:
    """Return `values` with None for each number that is not finite, as a record stores an undefined metric."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
