"""The curves of all runs as one tidy frame: a row per run and logged step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from descentlab.report.load import Results
from descentlab.report.series import Comparison
from descentlab.report.statistics.curves import AXES
from descentlab.store.record import PARQUET
from descentlab.store.scratch import scratch_path

COUNTS = AXES[:3]  # the axes that are whole numbers
IDENTITY = {"id": pl.String, "problem": pl.String, "optimizer": pl.String, "series": pl.String, "seed": pl.Int64}


def curves_frame(results: Results) -> pl.DataFrame:
    """Return the curves of all runs of `results`.

    Columns: id, problem, optimizer, series (the label of the runs that differ in their seeds only) and seed of the run; step,
    examples, gradient_evaluations and train_seconds; a column per curve, such as ``train/loss`` and ``valid/accuracy``, with
    null where it was not measured.
    """
    frames = [_frame(comparison) for comparison in results.comparisons]
    return pl.concat(frames, how="diagonal") if frames else pl.DataFrame(schema=IDENTITY)


def write_curves(curves: pl.DataFrame, folder: Path) -> None:
    """Write the frame of `curves_frame` as curves.parquet into `folder`."""
    scratch = scratch_path(folder / PARQUET)
    curves.write_parquet(scratch)
    scratch.replace(folder / PARQUET)


def _frame(comparison: Comparison) -> pl.DataFrame:
    """Return the curves of the runs of a comparison, those of all runs in one query."""
    labels = {run.id: one.label for one in (*comparison.trials, *comparison.series) for run in one.runs}
    runs, curves = comparison.all_runs, comparison.curves
    identity = pl.DataFrame(
        [
            (run.id, comparison.name, run.choices.get("optimizer", "unknown"), labels[run.id], run.config.get("seed"))
            for run in runs
        ],
        schema=IDENTITY,
        orient="row",
    )
    rows = np.repeat(np.arange(len(runs)), [curves[run.id].height for run in runs])
    measured = pl.concat([curves[run.id] for run in runs], how="diagonal")
    return pl.concat([identity[rows], measured.with_columns(pl.col(COUNTS).cast(pl.Int64))], how="horizontal")
