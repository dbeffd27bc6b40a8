"""The curves of runs, and their means over seeds at common steps."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import accumulate

import numpy as np
import polars as pl
from numpy.typing import NDArray

from descentlab.report.statistics.interval import t_factor, within
from descentlab.report.statistics.ranges import bounds_of
from descentlab.store.record import PARQUET, Record, read_curves

Array = NDArray[np.float64]
AXES = ("step", "examples", "gradient_evaluations", "train_seconds")  # the x axes a reader can choose from
BATCH = 256  # files read together
MOST_ROWS = 4  # of a step, in runs that are read together; usually there are two: training and validation


def curves_by_id(runs: Sequence[Record]) -> dict[str, pl.DataFrame]:
    """Return the curves of each run by its id, as `run_curves` does, but several times faster.

    Files with the same columns are read together, since most of the time of reading one is spent on preparing a query.
    """
    alike: dict[tuple[str, ...], list[Record]] = {}
    found: dict[str, pl.DataFrame] = {}
    for run in runs:
        path = run.folder / PARQUET
        columns = tuple(pl.read_parquet_schema(path)) if path.exists() else ()
        if set(AXES) <= set(columns):
            alike.setdefault(columns, []).append(run)
        else:
            found[run.id] = run_curves(run)
    for columns, group in alike.items():
        for first in range(0, len(group), BATCH):
            found |= _read_together(group[first : first + BATCH], _measured(columns))
    return found


def _read_together(runs: Sequence[Record], columns: Sequence[str]) -> dict[str, pl.DataFrame]:
    """Return the curves of runs that are sealed and have the same columns."""
    paths = [run.folder / PARQUET for run in runs]
    scanned = pl.scan_parquet(paths, include_file_paths="file", glob=False, hive_partitioning=False)
    rows = scanned.select(pl.col("file").rle_id(), pl.col(columns).cast(pl.Float64)).collect().rechunk()
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
    step, file = pl.col("step"), pl.col("file")
    same = (step == step.shift(1)) & (file == file.shift(1))
    backwards = (step < step.shift(1)) & (file == file.shift(1))
    longest = rows.select(pl.struct("file", "step").rle().struct.field("len").max()).item() or 0
    if longest > MOST_ROWS or rows.select(backwards.any()).item():
        return None
    values = [column for column in rows.columns if column not in ("file", "step")]
    for _ in range(longest - 1):
        rows = rows.with_columns(
            pl.when(same).then(pl.coalesce(name, pl.col(name).shift(1))).otherwise(name) for name in values
        )
    return rows.filter(~same.shift(-1, fill_value=False))


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
    stacked = [_finite_rows(frame, column) for frame in frames]
    if all(np.array_equal(values[0], stacked[0][0]) for values in stacked):
        means, spread = _means(np.stack(stacked))
    else:
        means, spread = _means_of_shared_steps(stacked)
    aligned = dict(zip((*AXES, "y"), means, strict=True))
    if len(frames) == 1 or not len(means[0]):
        none = pl.lit(None, pl.Float64)
        return pl.DataFrame(aligned).with_columns(low=none, high=none)
    extremes = [extreme for values in stacked for extreme in (values[-1].min(), values[-1].max())]
    bounds = bounds_of(column).without_violated(extremes)
    low, high = within(means[-1], t_factor(len(frames)) * spread, bounds)
    return pl.DataFrame(aligned | {"low": low, "high": high})


def _finite_rows(frame: pl.DataFrame, column: str) -> Array:
    """Return AXES and `column` of the rows in which it is finite, as an array (5, rows)."""
    values = np.stack([frame[name].to_numpy() for name in (*AXES, column)])
    finite = np.isfinite(values[-1])
    return values if finite.all() else values[:, finite]


def _means(stacked: Array) -> tuple[Array, Array]:
    """Return the means over frames, (5, rows), and the standard deviations of the last column, (rows,); NaN for one frame.

    Args:
        stacked: (frames, 5, rows); the first of the 5 columns, the step, is the same in all frames.
    """
    n, _, rows = stacked.shape
    means = stacked.mean(axis=0)
    means[0] = stacked[0, 0]
    return means, stacked[:, -1].std(axis=0, ddof=1) if n > 1 else np.full(rows, np.nan)


def _means_of_shared_steps(stacked: Sequence[Array]) -> tuple[Array, Array]:
    """Return the same at the steps that all frames (5, rows) have."""
    shared = reduce(np.intersect1d, [values[0] for values in stacked])
    return _means(np.stack([values[:, np.isin(values[0], shared)] for values in stacked]))
