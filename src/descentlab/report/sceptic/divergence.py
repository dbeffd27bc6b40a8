"""Divergence rates of the reported runs and of the settings that were tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.store.record import Record, Status

ORDER = 60
MANY = 0.5  # share of the tried runs that diverged from which the search range is doubtful


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each entry of which a reported run diverged, or at least half of the runs of all its settings."""
    for entry in answer.entries:
        reported, tried = entry.series.runs, [run for one in entry.alternatives for run in one.runs]
        if diverged(reported):
            yield Flag("divergence", _of_reported(entry), entry.name)
        elif len(tried) > 1 and diverged(tried) >= MANY * len(tried):
            yield Flag("divergence", _of_tried(entry, diverged(tried), len(tried)), entry.name)


def diverged(runs: Sequence[Record]) -> int:
    """Return the number of runs that diverged."""
    return sum(run.status is Status.DIVERGED for run in runs)


def _of_reported(entry: Entry) -> str:
    n, total, left = diverged(entry.series.runs), len(entry.series.runs), len(entry.completed)
    if not left:
        rest = "it has no result"
    else:
        rest = f"its mean is over the {left} completed run{'s' if left > 1 else ''}, the favourable seeds"
    counted = f"{n} of {total} reported runs" if total > 1 else "its reported run"
    return f"{entry.name}: {counted} diverged; {rest}."


def _of_tried(entry: Entry, n: int, total: int) -> str:
    share = "half" if 2 * n == total else "most"
    return f"{entry.name}: {n} of the {total} runs that selected its settings diverged, so {share} of its search was in vain."
