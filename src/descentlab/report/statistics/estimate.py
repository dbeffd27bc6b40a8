"""Means over seeds, never without their number and interval; the order of series; curves brought to common steps."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl
from scipy.special import stdtrit

from descentlab.report.load import Comparison, Series
from descentlab.store.record import Record, Status, read_curves

AXES = ("step", "examples", "gradient_evaluations", "train_seconds")


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` seeds; `half_width` of its 95 % t-interval, None for a single one."""

    mean: float
    half_width: float | None
    n: int


def t_factor(n: int) -> float:
    """Half the width of the 95 % t-interval of a mean of `n` values, in standard deviations of a value."""
    return float(stdtrit(n - 1, 0.975)) / math.sqrt(n)


def estimate(values: Iterable[float | None]) -> Estimate | None:
    """The mean of `values`; None if there are none or one is missing: the rest would be a biased sample."""
    known = list(values)
    finite = [value for value in known if value is not None and math.isfinite(value)]
    if not finite or len(finite) < len(known):
        return None
    half_width = t_factor(len(finite)) * statistics.stdev(finite) if len(finite) > 1 else None
    return Estimate(statistics.fmean(finite), half_width, len(finite))


def best_valid(series: Series) -> Estimate | None:
    return estimate(run.summary.get("best_valid") for run in series.completed)


def ranked(comparison: Comparison) -> list[Series]:
    """Its series by mean best validation value.

    Those with a diverged seed come after the others; then those whose value is undefined, those that diverged, and those
    without a result.
    """

    def rank(series: Series) -> tuple[int, float]:
        best = best_valid(series)
        diverged = any(run.status is Status.DIVERGED for run in series.runs)
        if best is None:
            return 2 if series.completed else 3 if diverged else 4, 0.0
        return int(diverged), best.mean if comparison.mode == "min" else -best.mean

    return sorted(comparison.series, key=rank)


def curves(run: Record) -> pl.DataFrame:
    """The run's curves, one row a step, up to the step at which it diverged; empty if it left none.

    A step may have several rows in the file: of training, of validation, and again after a resume (the last counts).
    """
    rows = read_curves(run.folder)
    if "gradient_evaluations" not in rows.columns and "step" in rows.columns:  # of before there were others
        rows = rows.with_columns(gradient_evaluations="step")
    if not set(AXES) <= set(rows.columns):
        return pl.DataFrame(schema=dict.fromkeys(AXES, pl.Float64))
    measured = [column for column in rows.columns if column in AXES or column.startswith(("train/", "valid/"))]
    rows = rows.select(pl.col(measured).cast(pl.Float64)).group_by("step").agg(pl.all().drop_nulls().last()).sort("step")
    diverged_step = run.summary.get("diverged_step")
    return rows if diverged_step is None else rows.filter(pl.col("step") <= diverged_step)


def curve(frames: Sequence[pl.DataFrame], column: str) -> pl.DataFrame:
    """The mean over `frames` of `column`, with the columns y and half_width (null for a single frame).

    Frames are aligned by step, their other x axes averaged. Rows: the steps at which all hold a finite value.
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


def thinned(rows: pl.DataFrame, points: int) -> pl.DataFrame:
    """About `points` of the rows, evenly, the last one always; numbers to 6 significant digits."""
    if rows.height > points:
        rows = pl.concat([rows.head(-1).gather_every(math.ceil(rows.height / points)), rows.tail(1)])
    return rows.with_columns(pl.all().round_sig_figs(6))
