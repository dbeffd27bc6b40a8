"""Divergence rates of the reported runs and of the settings that were tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.store.record import Record, Status

ORDER = 45
MANY = 0.5  # share of the tried runs that diverged from which the search range is doubtful


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each entry of which a reported run diverged, or at least half of the runs of all its settings."""
    for entry in answer.entries:
        reported, tried = entry.series.runs, [run for one in entry.alternatives for run in one.runs]
        if diverged(reported):
            yield _of_reported(entry)
        elif len(tried) > 1 and diverged(tried) >= MANY * len(tried):
            yield _of_tried(entry, diverged(tried), len(tried))


def diverged(runs: Sequence[Record]) -> int:
    """Return the number of runs that diverged."""
    return sum(run.status is Status.DIVERGED for run in runs)


def _of_reported(entry: Entry) -> Flag:
    n, total, left = diverged(entry.series.runs), len(entry.series.runs), len(entry.completed)
    rest, short = "it has no result", "no result"
    if left:
        rest = f"its mean is over the {left} completed run{'s' if left > 1 else ''}, the favourable seeds"
        short = f"mean over {left} completed"
    counted = f"{n} of {total} reported runs" if total > 1 else "The only reported run"
    message, frame = f"{counted} of {entry.name} diverged: {rest}.", ("Reported runs diverged: ", ".")
    return Flag("divergence", message, entry.name, frame, f"{n} of {total} ({short})")


def _of_tried(entry: Entry, n: int, total: int) -> Flag:
    share = "half" if 2 * n == total else "most"
    message = (
        f"{n} of the {total} runs that selected the settings of {entry.name} diverged: {share} of the search had no effect."
    )
    frame = ("Half or more of the runs that selected the settings diverged, and had no effect: ", ".")
    return Flag("divergence", message, entry.name, frame, f"{n} of {total}")
