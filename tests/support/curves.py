"""The curves of runs without their times."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import polars as pl

from descentlab.store.record import read_curves


class HasFolder(Protocol):
    """A job, a record or a finished run."""

    @property
    def folder(self) -> Path: ...


def timeless_curves(run: HasFolder) -> pl.DataFrame:
    """Return the curves of a run without `train_seconds`, which differs between equal runs."""
    return read_curves(run.folder).drop("train_seconds")
