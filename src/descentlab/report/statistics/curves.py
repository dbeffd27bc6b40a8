"""The curves of runs, and their means over seeds at common steps."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import polars as pl
from numpy.typing import NDArray

from descentlab.report.statistics.interval import t_factor, within
from descentlab.report.statistics.ranges import bounds_of
from descentlab.store.record import PARQUET, Record, read_curves

AXES = ("step", "examples", "gradient_evaluations", "train_seconds")  # the x axes a reader can choose from
BATCH = 256  # files read together
MOST_ROWS = 4  # of a step, in runs that are read together; usually there are two: training and validation


def curves_by_id(runs: Sequence[Record]) -> dict[str, pl.DataFrame]:
    """Return the curves of each run by its id, as `run_curves` does, but several times faster.

    Files are read together, since most of the time of reading one is spent on preparing a query.
    """
    sealed = [run for run in runs if (run.folder / PARQUET).exists()]
    found: dict[str, pl.DataFrame] = {}
    for first in range(0, len(sealed), BATCH):
        batch = sealed[first : first + BATCH]
        try:
            found |= _read_alike(batch, tuple(pl.read_parquet_schema(batch[0].folder / PARQUET)))
        except (pl.exceptions.SchemaError, pl.exceptions.ColumnNotFoundError):  # the files have different columns
            found |= _read_different(batch)
    return {run.id: found[run.id] if run.id in found else run_curves(run) for run in runs}


def _read_different(runs: Sequence[Record]) -> dict[str, pl.DataFrame]:
    """Return the curves of sealed runs; those of runs with the same columns are read together."""
    alike: dict[tuple[tuple[str, pl.DataType], ...], list[Record]] = {}
    for run in runs:
        alike.setdefault(tuple(pl.read_parquet_schema(run.folder / PARQUET).items()), []).append(run)
    found: dict[str, pl.DataFrame] = {}
    for schema, group in alike.items():
        found |= _read_alike(group, tuple(name for name, _ in schema))
    return found


def _read_alike(runs: Sequence[Record], columns: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Return the curves of sealed runs with the same columns.

    Raises:
        SchemaError, ColumnNotFoundError: a file has other columns.
    """
    if not set(AXES) <= set(columns):
        return {run.id: run_curves(run) for run in runs}
    paths = [run.folder / PARQUET for run in runs]
    scanned = pl.scan_parquet(paths, include_file_paths="file", glob=False, hive_partitioning=False)
    rows = scanned.select(pl.col("file").rle_id(), pl.col(_measured(columns)).cast(pl.Float64)).collect().rechunk()
    merged = _merge_adjacent(rows)
    heights = [] if merged is None else merged["file"].rle().struct.field("len").to_list()
    if merged is None or len(heights) != len(runs):  # steps out of order, or a run without rows
        return {run.id: run_curves(run) for run in runs}
    starts = accumulate(heights, initial=0)
    merged = merged.drop("file")
    slices = zip(runs, starts, heights, strict=False)
    return {run.id: _until_divergence(merged.slice(start, height), run) for run, start, height in slices}


def _merge_adjacent(rows: pl.DataFrame) -> pl.DataFrame | None:
    """Return `rows` with one row per file and step, which holds the last value of each column.

    Rows of a step follow each other, as a run writes them. None if they do not, or if a step has more than MOST_ROWS.
    """
    step, file = rows["step"].to_numpy(), rows["file"].to_numpy()
    of_file = file[1:] == file[:-1]
    if (of_file & (step[1:] < step[:-1])).any() or rows["step"].has_nulls():
        return None
    same = np.zeros(rows.height + 1, bool)  # True if a row has the step and the file of the row before it
    same[1:-1] = of_file & (step[1:] == step[:-1])
    values = [name for name in rows.columns if rows[name].has_nulls()]
    repeated, passes = same[1:-1], 0
    while repeated.any():
        passes += 1
        repeated = repeated[1:] & repeated[:-1]  # again True only within longer sequences of rows of a step
        if passes == MOST_ROWS:
            return None
    before = pl.lit(pl.Series(same[:-1]))
    for _ in range(passes if values else 0):
        rows = rows.with_columns(
            pl.when(before).then(pl.coalesce(name, pl.col(name).shift(1))).otherwise(name) for name in values
        )
    return rows.filter(pl.Series(~same[1:]))


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
    measured = rows.select(pl.col(_measured(rows.columns)).cast(pl.Float64))
    return _until_divergence(measured.group_by("step").agg(pl.all().drop_nulls().last()).sort("step"), run)


def _measured(columns: Sequence[str]) -> list[str]:
    """Return the columns that reports show."""
    return [column for column in columns if column in AXES or column.startswith(("train/", "valid/"))]


def _until_divergence(rows: pl.DataFrame, run: Record) -> pl.DataFrame:
    diverged_step = run.summary.get("diverged_step")
    return rows if diverged_step is None else rows.filter(pl.col("step") <= diverged_step)


def mean_curve(frames: Sequence[pl.DataFrame], column: str) -> pl.DataFrame:
    """Return the mean of `column` over `frames`, aligned by step; the other x axes are averaged.

    Returns:
        a frame with the columns AXES, y (the mean), low and high (the ends of the 95 % t-interval within the range of the
        metric, see `interval.within`; null for a single frame). Its rows are the steps at which every frame has a finite value.
    """
    if not frames or any(column not in frame.columns for frame in frames):
        return pl.DataFrame(schema=dict.fromkeys([*AXES, "y", "low", "high"], pl.Float64))
    values = [np.stack([frame[name].to_numpy() for name in (*AXES, column)]) for frame in frames]
    finite = [each if (known := np.isfinite(each[-1])).all() else each[:, known] for each in values]  # null is NaN
    aligned = _aligned(finite)
    if aligned is None:  # the frames have different steps
        aligned = _joined(frames, column)
    if len(frames) == 1 or aligned.is_empty():
        none = pl.Series([None] * aligned.height, dtype=pl.Float64)
        return _columns(aligned, low=none, high=none)
    extremes = [min(each[-1].min() for each in finite), max(each[-1].max() for each in finite)]
    bounds = bounds_of(column).without_violated(extremes)
    low, high = within(aligned["y"].to_numpy(), t_factor(len(frames)) * aligned["spread"].to_numpy(), bounds)
    return _columns(aligned, low=pl.Series(low), high=pl.Series(high))


def _columns(means: pl.DataFrame, low: pl.Series, high: pl.Series) -> pl.DataFrame:
    """Return the AXES and y of `means` with an interval, without a query: its overhead exceeds the computation."""
    return pl.DataFrame([*(means[name] for name in (*AXES, "y")), low.alias("low"), high.alias("high")])


def _joined(frames: Sequence[pl.DataFrame], column: str) -> pl.DataFrame:
    """Return the means at the steps at which all frames have a finite value; `spread` is their standard deviation."""
    stacked = pl.concat([frame.select(*AXES, column) for frame in frames]).filter(pl.col(column).is_finite())
    axes = pl.col(AXES[1:]).mean()
    means = stacked.group_by("step").agg(axes, y=pl.col(column).mean(), spread=pl.col(column).std(), n=pl.len())
    return means.filter(pl.col("n") == len(frames)).sort("step")


def _aligned(finite: Sequence[NDArray[np.float64]]) -> pl.DataFrame | None:
    """Return the means over arrays (AXES and y, rows) with the same steps, as `_joined` does; None if the steps differ."""
    if len({each.shape for each in finite}) > 1:
        return None
    stacked = np.stack(finite)
    steps, y = stacked[:, 0], stacked[:, -1]
    if not (steps == steps[0]).all():
        return None
    spread = y.std(axis=0, ddof=1) if len(finite) > 1 else np.full(y.shape[1], np.nan)
    means = dict(zip((*AXES, "y"), stacked.mean(axis=0), strict=True))
    return pl.DataFrame(means | {"step": steps[0], "spread": spread})
