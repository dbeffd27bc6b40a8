"""The files of a sweep with records=table: one table of all runs, which is written in parts while they train.

SWEEP/table/config.yaml is the config that the runs share, SWEEP/table/axes.json holds the swept values, SWEEP/table/*.parquet
are the finished parts, and SWEEP/runs.parquet is the whole table. Imports neither torch nor Lightning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from descentlab.store.record import read_json, write_json
from descentlab.store.scratch import scratch_path

if TYPE_CHECKING:
    import polars as pl

FOLDER, AXES, RUNS = "table", "axes.json", "runs.parquet"
PROGRAM = "program.json"  # in FOLDER: the number of runs of a block, and whether their steps are compiled
PART = 1024  # the largest number of runs in a part


@dataclass(frozen=True)
class Axis:
    """A swept key.

    Args:
        key: as given on the command line, such as optimizer.lr.
        values: its values.
        changes: for each value, the values of the config keys that it changes, by dotted key: {"optimizer.lr": 0.1}.
    """

    key: str
    values: Sequence[Any]
    changes: Sequence[Mapping[str, float]]


@dataclass(frozen=True)
class RunTable:
    """The runs of a sweep, one for each combination of the values of its axes; run numbers count the last axis fastest.

    Args:
        sweep: the folder of the sweep.
        axes: the swept keys.
        orders: the number of orders of batches; as many consecutive sections of the runs have one order each.
    """

    sweep: Path
    axes: Sequence[Axis]
    orders: int = 1

    @property
    def folder(self) -> Path:
        """The folder of the config, the axes and the parts."""
        return self.sweep / FOLDER

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of values of each axis."""
        return tuple(len(axis.values) for axis in self.axes)

    @property
    def size(self) -> int:
        """The number of runs."""
        return int(np.prod(self.shape))

    @cached_property
    def parts(self) -> list[range]:
        """The run numbers of each part. All runs of a part have the same order of batches."""
        section = self.size // self.orders
        starts = [(first, first + section) for first in range(0, self.size, section)]
        return [range(at, min(at + PART, end)) for first, end in starts for at in range(first, end, PART)]

    def places(self, runs: Sequence[int]) -> list[NDArray[np.intp]]:
        """Return for each axis the indices of the values of `runs`."""
        return list(np.unravel_index(np.asarray(runs), self.shape))

    def save(self) -> None:
        """Write axes.json."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(self.folder / AXES, {"axes": [asdict(axis) for axis in self.axes], "orders": self.orders})

    @classmethod
    def load(cls, sweep: Path) -> RunTable:
        """Return the table that `save` wrote; one without axes if there is none."""
        content = read_json(sweep / FOLDER / AXES)
        return cls(sweep, [Axis(**axis) for axis in content.get("axes", [])], content.get("orders", 1))

    def path_of_part(self, part: int) -> Path:
        """Return the file of a part."""
        return self.folder / f"part-{part:06d}.parquet"

    @property
    def missing(self) -> list[int]:
        """The parts that have not been written."""
        return [part for part in range(len(self.parts)) if not self.path_of_part(part).exists()]

    @property
    def finished(self) -> int:
        """The number of runs that have a result."""
        left = set() if self.is_complete else set(self.missing)
        return sum(len(runs) for part, runs in enumerate(self.parts) if part not in left)

    def write_part(self, part: int, results: Mapping[str, Sequence[Any]]) -> None:
        """Write a part, atomically.

        Args:
            part: its number.
            results: columns with the results of its runs.
        """
        import polars as pl

        runs = self.parts[part]
        places = self.places(runs)
        values = {axis.key: [axis.values[place] for place in each] for axis, each in zip(self.axes, places, strict=True)}
        _write(pl.DataFrame({"run": list(runs), **values, **results}, strict=False), self.path_of_part(part))

    def merge(self) -> None:
        """Write runs.parquet from the parts, and remove them once they are all in it."""
        import polars as pl

        found = [path for part in range(len(self.parts)) if (path := self.path_of_part(part)).exists()]
        frames = [pl.read_parquet(path) for path in found]
        if frames:
            _write(pl.concat(frames, how="diagonal_relaxed"), self.sweep / RUNS)
        if len(found) == len(self.parts):
            for path in [*found, *self.folder.glob(".part-*")]:  # those of killed processes, too
                path.unlink()

    def clear(self) -> None:
        """Remove all results, and the settings of the program that computed them."""
        for path in [*self.folder.glob("part-*.parquet"), self.folder / PROGRAM, self.sweep / RUNS]:
            path.unlink(missing_ok=True)

    @property
    def is_complete(self) -> bool:
        """True if runs.parquet contains every run."""
        import polars as pl

        path = self.sweep / RUNS
        return path.exists() and pl.scan_parquet(path).select(pl.len()).collect().item() == self.size


def read_runs(sweep: Path) -> pl.DataFrame | None:
    """Return the table of the runs in the folder `sweep`; None if it is no sweep with records=table, or no part is finished.

    Columns: run (the number of the run), each swept key, status, diverged_step, steps, first_train_loss, last_train_loss and
    last_20_train_loss (the mean over the last 20 steps), monitor, best_valid and best_step, the metrics valid.* and test.* at
    the weights of the best validation, and train_seconds (of runs that were trained together, divided by their number). Null
    stands for a number that does not exist or is not finite; a diverged run has no last_20_train_loss and no test metrics.
    """
    import polars as pl

    return pl.read_parquet(sweep / RUNS) if (sweep / RUNS).exists() else None


def _write(frame: pl.DataFrame, path: Path) -> None:
    scratch = scratch_path(path)
    frame.write_parquet(scratch)
    scratch.replace(path)
