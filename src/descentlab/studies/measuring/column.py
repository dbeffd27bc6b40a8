"""A number of a single run: a statistic of a column of its curves, or a number of its summary."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from descentlab.errors import UsageError, nearest
from descentlab.store.record import Record, Status, read_curves

TEXT = re.compile(r"(?P<column>[^@\[\]]+)(@(?P<statistic>\w+)(\[(?P<low>[^:]*):(?P<high>[^\]]*)\])?)?")
STATISTICS: Mapping[str, Callable[[pl.Series], Any]] = {
    "start": lambda values: values[0],
    "end": lambda values: values[-1],
    "min": lambda values: values.min(),
    "max": lambda values: values.max(),
    "mean": lambda values: values.mean(),
    "median": lambda values: values.median(),
    "sum": lambda values: values.sum(),
}
SPLITS = ("test", "valid")


def column_number(text: str, record: Record) -> float | None:
    """Return the number of a run.

    Args:
        text: COLUMN@STATISTIC of the curves, with a range of steps [LOW:HIGH] or fractions [0.67:1] if it is not the whole run;
            or a number of the summary, such as steps_to_target, test/accuracy or train_seconds.
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
    rows = read_curves(record.folder)
    column = found["column"]
    if column not in rows.columns:
        return None
    own = rows.select("step", column).drop_nulls()
    own = _within(own, found["low"], found["high"], record)
    if record.status is Status.DIVERGED and statistic != "start" and _ends_after_divergence(found["high"], record):
        return float("inf")
    return None if own.is_empty() else float(STATISTICS[statistic](own[column]))


def _within(rows: pl.DataFrame, low: str | None, high: str | None, record: Record) -> pl.DataFrame:
    """Return the rows of a range of steps; numbers with a decimal point are fractions of the steps of the run."""
    last = rows["step"].max() if rows.height else 0
    steps = record.summary.get("steps") or last
    if low:
        rows = rows.filter(pl.col("step") >= _step(low, steps))
    if high:
        rows = rows.filter(pl.col("step") < _step(high, steps) + (float(high) == 1 and "." in high))
    return rows


def _step(text: str, steps: Any) -> float:
    return float(text) * float(steps) if "." in text else float(text)


def _ends_after_divergence(high: str | None, record: Record) -> bool:
    step = record.summary.get("diverged_step")
    return not high or step is None or "." in high or float(high) > step


def _of_summary(text: str, record: Record) -> float | None:
    split, _, name = text.partition("/")
    of_split = name and split in SPLITS
    value = (record.summary.get(split) or {}).get(name) if of_split else record.summary.get(text)
    return None if value is None or isinstance(value, str | Mapping) else float(value)
