"""A number of a single run: a statistic of a column of its curves, or a number of its summary."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from descentlab.errors import UsageError, nearest
from descentlab.store.record import Record, Status, read_curves, read_layers
from descentlab.studies.quantities.crossing import crossing
from descentlab.studies.quantities.monotone import monotone

TEXT = re.compile(r"(?P<column>[^@\[\]]+)(@(?P<statistic>\w+)(\[(?P<low>[^:]*):(?P<high>[^\]]*)\])?)?")
LAYERS = "layers/"  # begins the text of a quantity of a layer
STATISTICS: Mapping[str, Callable[[pl.Series], Any]] = {
    "start": lambda values: values[0],
    "end": lambda values: values[-1],
    "min": lambda values: values.min(),
    "max": lambda values: values.max(),
    "mean": lambda values: values.mean(),
    "median": lambda values: values.median(),
    "rise": lambda values: monotone(values.to_numpy()) or 0.0,  # the largest increase from a row to the next
    "std": lambda values: values.std(),
    "sum": lambda values: values.sum(),
}


def column_number(text: str, record: Record) -> float | None:
    """Return the number of a run.

    Args:
        text: COLUMN@STATISTIC of the curves, with a range of steps [LOW:HIGH] or fractions [0.67:1] if it is not the whole run;
            layers/LAYER/COLUMN@STATISTIC of a layer; or a number of the summary, such as steps_to_target, test/accuracy,
            train_seconds or baseline/test/accuracy.
        record: the run.

    Returns:
        None if it was not measured; infinity if the run diverged, except for `start` and for ranges that end before.

    Raises:
        UsageError: the text has another form, or the statistic is unknown.
    """
    found = TEXT.fullmatch(text)
    if found is None:
        raise UsageError(f"quantity {text}: write COLUMN@STATISTIC, such as train/loss@end or train/loss@max[0:10]")
    statistic = found["statistic"]
    if statistic is None:
        return _of_summary(text, record)
    if statistic not in STATISTICS:
        raise UsageError(
            f"quantity {text}: no statistic {statistic}; there are {', '.join(STATISTICS)}{nearest(statistic, STATISTICS)}"
        )
    own = _column(found["column"], record)
    if own is None:
        return None
    column = own.columns[1]
    own = _within(own, found["low"], found["high"], record)
    if (
        record.status is Status.DIVERGED
        and statistic != "start"
        and _ends_after_divergence(found["low"], found["high"], record)
    ):
        return float("inf")
    return None if own.is_empty() else float(STATISTICS[statistic](own[column]))


def crossing_step(text: str, threshold: float, record: Record, interpolate: bool = False) -> float | None:
    """Return the first step at which a column, such as train/loss, is at most `threshold`; None if it never is.

    With `interpolate`, it is the crossing of the line through the point before and this one.
    """
    own = _column(text, record)
    if own is None:
        return None
    return crossing(own["step"].to_numpy(), own[own.columns[1]].to_numpy(), threshold, interpolate=interpolate)


def value_when(text: str, other: str, threshold: float, record: Record) -> float | None:
    """Return the first value of a column from the step on at which another one is at most `threshold` for the first time.

    Args:
        text: the column, such as train/sharpness.
        other: the other column, such as train/sharpness_loss.
        threshold: in the unit of the other column.
        record: the run.

    Returns:
        None if the other column never falls to the threshold, or the column was not measured after that.
    """
    own, step = _column(text, record), crossing_step(other, threshold, record)
    if own is None or step is None:
        return None
    values = own.filter(pl.col("step") >= step)[own.columns[1]]
    return None if values.is_empty() else float(values[0])


def _column(text: str, record: Record) -> pl.DataFrame | None:
    """Return the steps and values of a column of the curves, or of a layer; None if it does not exist."""
    layer, _, column = text.removeprefix(LAYERS).rpartition("/") if text.startswith(LAYERS) else ("", "", text)
    rows = read_layers(record.folder) if layer else read_curves(record.folder)
    if column not in rows.columns:
        return None
    rows = rows.filter(pl.col("layer") == layer) if layer else rows
    return rows.select("step", column).drop_nulls()


def _within(rows: pl.DataFrame, low: str | None, high: str | None, record: Record) -> pl.DataFrame:
    """Return the rows from the step `low` to below `high`; to the end of the run, if `high` is the fraction 1."""
    if low:
        rows = rows.filter(pl.col("step") >= _step(low, low, high, record))
    if high and not (_are_fractions(low, high) and float(high) == 1):
        rows = rows.filter(pl.col("step") < _step(high, low, high, record))
    return rows


def _step(text: str, low: str | None, high: str | None, record: Record) -> float:
    return float(text) * (record.summary.get("steps") or 0 if _are_fractions(low, high) else 1)


def _are_fractions(low: str | None, high: str | None) -> bool:
    """Return True if the ends of a range are fractions of the run: one of them has a decimal point."""
    return "." in f"{low or ''}{high or ''}"


def _ends_after_divergence(low: str | None, high: str | None, record: Record) -> bool:
    step = record.summary.get("diverged_step")
    return not high or step is None or _are_fractions(low, high) or float(high) > step


def _of_summary(text: str, record: Record) -> float | None:
    value: Any = record.summary
    for name in text.split("/"):
        value = value.get(name) if isinstance(value, Mapping) else None
    return float(value) if isinstance(value, int | float) else None
