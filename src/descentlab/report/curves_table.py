"""The curves of all runs as one tidy frame: a row per run and logged step."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from descentlab.report.load import Results
from descentlab.report.series import Comparison
from descentlab.report.statistics.curves import AXES
from descentlab.store.record import PARQUET

COUNTS = AXES[:3]  # the axes that are whole numbers
IDENTITY = {"id": pl.String, "problem": pl.String, "optimizer": pl.String, "series": pl.String, "seed": pl.Int64}


def curves_frame(results: Results) -> pl.DataFrame:
    """Return the curves of all runs of `results`.

    Columns: id, problem, optimizer, series (the label of the runs that differ in their seeds only) and seed of the run; step,
    examples, gradient_evaluations and train_seconds; a column per curve, such as ``train/loss`` and ``valid/accuracy``, with
    null where it was not measured.
    """
    frames = [frame for comparison in results.comparisons for frame in _frames(comparison)]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame(schema=IDENTITY)


def write_curves(results: Results, folder: Path) -> None:
    """Write `curves_frame` as curves.parquet into `folder`."""
    scratch = folder / f".{PARQUET}.{os.getpid()}"
    curves_frame(results).write_parquet(scratch)
    scratch.replace(folder / PARQUET)


def _frames(comparison: Comparison) -> Iterator[pl.DataFrame]:
    labels = {run.id: one.label for one in (*comparison.trials, *comparison.series) for run in one.runs}
    for run in comparison.all_runs:
        identity = (run.id, comparison.name, run.choices.get("optimizer", "unknown"), labels[run.id], run.config.get("seed"))
        named = zip(IDENTITY.items(), identity, strict=True)
        columns = [pl.lit(value, kind).alias(name) for (name, kind), value in named]
        yield comparison.curves[run.id].select(*columns, pl.col(COUNTS).cast(pl.Int64), pl.exclude(COUNTS))
