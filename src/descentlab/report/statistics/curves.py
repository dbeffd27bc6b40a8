"""The curves of runs, and their means over seeds at common steps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from descentlab.report.statistics.interval import t_factor
from descentlab.store.record import Record, read_curves

AXES = ("step", "examples", "gradient_evaluations", "train_seconds")  # the x axes a reader can choose from


def run_curves(run: Record) -> pl.DataFrame:
    """Return the curves of a run, one row per step, up to the step at which it diverged.

    The file may contain several rows for a step: of training, of validation, and again after a resume. The last value of each
    column counts.

    Returns:
        a frame with the columns AXES and those that start with "train/" or "valid/"; empty if the run left no curves.
    """
    rows = read_curves(run.folder)
    if "gradient_evaluations" not in rows.columns and "step" in rows.columns:  # older curves, without a count of evaluations
        rows = rows.with_columns(gradient_evaluations="step")
    if not set(AXES) <= set(rows.columns):
        return pl.DataFrame(schema=dict.fromkeys(AXES, pl.Float64))
    measured = [column for column in rows.columns if column in AXES or column.startswith(("train/", "valid/"))]
    rows = rows.select(pl.col(measured).cast(pl.Float64)).group_by("step").agg(pl.all().drop_nulls().last()).sort("step")
    diverged_step = run.summary.get("diverged_step")
    return rows if diverged_step is None else rows.filter(pl.col("step") <= diverged_step)


def mean_curve(frames: Sequence[pl.DataFrame], column: str) -> pl.DataFrame:
    """Return the mean of `column` over `frames`, aligned by step; the other x axes are averaged.

    Returns:
        a frame with the columns AXES, y (the mean) and half_width (of the 95 % t-interval; null for a single frame). Its rows
        are the steps at which every frame has a finite value.
    """
    columns = [*AXES, column]
    if not frames or any(column not in frame.columns for frame in frames):
        return pl.DataFrame(schema=dict.fromkeys([*AXES, "y", "half_width"], pl.Float64))
    stacked = pl.concat([frame.select(columns) for frame in frames]).filter(pl.col(column).is_finite())
    axes = pl.col(AXES[1:]).mean()
    means = stacked.group_by("step").agg(axes, y=pl.col(column).mean(), spread=pl.col(column).std(), n=pl.len())
    aligned = means.filter(pl.col("n") == len(frames)).sort("step")
    factor = t_factor(len(frames)) if len(frames) > 1 else None
    return aligned.select(*AXES, "y", half_width=pl.col("spread") * pl.lit(factor, pl.Float64))


def thin(rows: pl.DataFrame, points: int) -> pl.DataFrame:
    """Return about `points` evenly spaced rows and always the last one, with numbers of 6 significant digits."""
    if rows.height > points:
        rows = pl.concat([rows.head(-1).gather_every(math.ceil(rows.height / points)), rows.tail(1)])
    return rows.with_columns(pl.all().round_sig_figs(6))
