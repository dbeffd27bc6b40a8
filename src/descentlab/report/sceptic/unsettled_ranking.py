"""Rankings that still change at the end of the budget: a longer training may reverse them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from statistics import fmean, stdev

import polars as pl

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.criterion import Criterion
from descentlab.report.selection import seed_key
from descentlab.report.statistics.curves import curves_by_id

ORDER = 40
LAST_PART = 0.25  # the part of the budget at whose beginning the ranking is compared with that at its end
ERRORS = 2.0  # standard errors by which a change must exceed zero
MOST = 20  # entries next to the best that are compared with it


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each other entry whose distance from the best entry changes much in the last quarter of the budget.

    With d(t) the mean difference between the best entry and the other at step t, over seeds, in the curve of the compared
    number (`curve_of`), the ranking is not settled if the best entry was behind at three quarters of the budget, or if its
    lead shrank by more than half since then. Either change must exceed two standard errors, so that noise raises no flag.
    """
    column = curve_of(answer.by)
    if len(answer.entries) < 2 or not column:
        return
    first, *others = answer.entries[: MOST + 1]
    curves = curves_by_id([run for entry in (first, *others) for run in entry.completed])
    frames = {entry.name: seed_curves(entry, curves, column) for entry in (first, *others)}
    sign = 1 if answer.mode == "max" else -1
    for other in others:
        found = leads(frames[first.name], frames[other.name], sign)
        if found is not None and (frame := _frame(first, *found)):
            before, after = frame
            yield Flag("unsettled_ranking", f"{before}{other.name}{after}", other.name, frame)


def curve_of(by: Criterion) -> str:
    """Return the column of the curves that shows the compared number during training; "" for a cost, which has none.

    A test metric is measured at the end only: its validation curve takes its place.
    """
    if by.unit:
        return ""
    return by.key if by.key.startswith("train/") else f"valid/{by.metric}"


def seed_curves(entry: Entry, curves: Mapping[str, pl.DataFrame], column: str) -> dict[str, pl.DataFrame]:
    """Return a column of the curves of each completed run: a frame with the columns step and y, by the key of its seeds."""
    found = {seed_key(run.config): curves[run.id] for run in entry.completed}
    return {seeds: rows.select("step", y=column).drop_nulls() for seeds, rows in found.items() if column in rows.columns}


def leads(first: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame], sign: int) -> tuple[list[float], list[float]] | None:
    """Return the lead of the first entry over the other for each shared seed, three quarters through the budget and at its end.

    Positive: the first one is better. None if fewer than two seeds are shared, or the runs share no such steps.
    """
    then: list[float] = []
    now: list[float] = []
    for seeds in first.keys() & other.keys():
        shared = first[seeds].join(other[seeds], on="step").sort("step")
        shared = shared.filter(pl.col("y").is_finite() & pl.col("y_right").is_finite())
        if shared.height < 4:
            continue
        last = shared["step"][-1]
        earlier = shared.filter(pl.col("step") <= (1 - LAST_PART) * last)
        if earlier.is_empty() or earlier["step"][-1] <= 0:
            continue
        then.append(sign * (earlier["y"][-1] - earlier["y_right"][-1]))
        now.append(sign * (shared["y"][-1] - shared["y_right"][-1]))
    return (then, now) if len(now) > 1 else None


def _frame(first: Entry, then: list[float], now: list[float]) -> tuple[str, str] | None:
    """Return the text before and after the name of the other entry; None if its distance from the first is settled."""
    before, after = fmean(then), fmean(now)
    changes = [late - early for early, late in zip(then, now, strict=True)]
    noise = ERRORS * stdev(changes) / math.sqrt(len(changes))
    advice = "in the last quarter of the budget. Compare them with a longer budget too."
    if after > 0 and before < -ERRORS * stdev(then) / math.sqrt(len(then)) and fmean(changes) > noise:
        return f"The ranking is not settled: {first.name} overtook ", f" {advice}"
    if before > 0 and after < before / 2 and -fmean(changes) > noise:
        return f"The ranking is not settled: the lead of {first.name} over ", f" shrank by more than half {advice}"
    return None
