"""The table of a sweep with records=table, as panels and Python read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from descentlab.store.job import Job
from descentlab.store.record import CONFIG, Status
from descentlab.store.table import FOLDER, Axis, RunTable, read_runs

SEEDS = ("seed", "data_seed")


@dataclass(frozen=True)
class TableData:
    """The runs of a table.

    Args:
        sweep: the folder of the sweep.
        job: the config that the runs share, as the job of the first run.
        axes: the swept keys.
        size: the number of runs of the whole table.
        runs: the finished ones, a row for each (see `store.table.read_runs`).
    """

    sweep: Path
    job: Job
    axes: Sequence[Axis]
    size: int
    runs: pl.DataFrame

    @property
    def optimizer(self) -> str:
        """The chosen option of the group optimizer."""
        return self.job.choices["optimizer"]

    @property
    def problem(self) -> str:
        """The name of the problem."""
        return self.job.choices["problem"]

    @cached_property
    def diverged(self) -> int:
        """The number of runs that diverged."""
        return self.runs.filter(pl.col("status") == Status.DIVERGED).height

    @property
    def statement(self) -> str:
        """A sentence with the numbers of runs, and the lowest final training loss with its values."""
        done, axes = self.runs.height, " x ".join(f"{len(axis.values)} values of {axis.key}" for axis in self.axes)
        rest = f" ({self.size - done:,} are missing)" if done < self.size else ""
        head = f"{self.optimizer} on {self.problem}: {done:,} runs{rest}, {axes}; {self.diverged:,} diverged"
        return f"{head}{self._best()}."

    def _best(self) -> str:
        found = self.best(1)
        if not found:
            return ""
        values = ", ".join(f"{axis.key}={found[0][axis.key]:.4g}" for axis in self.axes)
        return f"; the lowest final training loss is {found[0]['last_train_loss']:.4g}, at {values}"

    def best(self, count: int) -> Sequence[Mapping[str, Any]]:
        """Return the rows of the completed runs with the lowest final training losses, the lowest first."""
        known = self.runs.filter((pl.col("status") == Status.COMPLETED) & pl.col("last_train_loss").is_not_null())
        return known.sort("last_train_loss").head(count).to_dicts()

    def frame(self) -> pl.DataFrame:
        """Return the runs with columns sweep, problem and optimizer in front, as in a frame of several sweeps."""
        names = {"sweep": self.job.sweep, "problem": self.problem, "optimizer": self.optimizer}
        return self.runs.select(*[pl.lit(value).alias(key) for key, value in names.items()], pl.all())


def load_table(sweep: Path) -> TableData | None:
    """Return the table in the folder `sweep`; None if the sweep has a folder for each run, or no part is finished."""
    runs = read_runs(sweep)
    if runs is None or not (sweep / FOLDER / CONFIG).exists():
        return None
    table = RunTable.load(sweep)
    return TableData(sweep, Job.load(table.folder), table.axes, table.size, runs)
