"""The boundary between the runs of a table that converge and the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from descentlab.errors import UsageError
from descentlab.store.record import Record, Status
from descentlab.store.table import RunTable, read_runs
from descentlab.studies.quantities.box_dimension import Mask, box_dimension
from descentlab.studies.runs import Ended, Row


def boundary_dimension(
    ended: Sequence[Ended], of: str = "last_20_train_loss", below: str = "first_train_loss", smallest_count: int = 8
) -> list[Row]:
    """Return the box-counting dimension of the boundary of convergence of each table (quantities.box_dimension).

    A run converges if it did not diverge and one of its numbers is below another one.

    Args:
        ended: the runs; those that are no tables are left out.
        of: a column of the table (store.table.read_runs).
        below: the column with which it is compared.
        smallest_count: see box_dimension.

    Raises:
        ValueError: the table has other than two swept keys, or too few values of them.
        UsageError: the table does not have such a column.
    """
    tables = [each for each in ended if each.record.config.get("records") == "table"]
    return [
        (each.run.arm, None, each.run.seed, box_dimension(converged(each.record, of, below), smallest_count)) for each in tables
    ]


def converged(record: Record, of: str, below: str) -> Mask:
    """Return whether each run of a table converges, with the shape of its swept keys."""
    runs, shape = read_runs(record.folder), RunTable.load(record.folder).shape
    assert runs is not None, "a table that has ended has runs"
    for column in (of, below):
        if column not in runs.columns:
            raise UsageError(f"{record.name}: a table has no column {column}; it has {', '.join(runs.columns)}")
    is_below = (pl.col("status") == Status.COMPLETED) & (pl.col(of) < pl.col(below)).fill_null(False)
    return np.asarray(runs.sort("run").select(is_below).to_series().to_list(), dtype=bool).reshape(shape)
