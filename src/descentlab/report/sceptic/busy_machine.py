"""Seconds measured on a busy machine, and seconds that vary more between equal runs than training explains."""

from __future__ import annotations

from collections.abc import Iterator

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.execution import execution_of
from descentlab.report.statement import join_words
from descentlab.store.record import Record

ORDER = 80
MAX_LOAD = 1.5  # processes that run or wait, per core; a sweep itself keeps it at about 1
MAX_SPREAD = 1.5  # ratio of the slowest to the fastest seconds per step among runs with the same settings


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag if runs were trained under a high load, and one if the seconds per step of equal runs vary much."""
    busy = [(load, entry.name) for entry in answer.entries if (load := highest_load(entry.series.runs)) > MAX_LOAD]
    if busy:
        load, found = max(busy)[0], [name for _, name in busy]
        yield Flag(
            "busy_machine",
            f"Seconds{_of(found, answer)} were measured on a busy machine (load up to {load:.1f} per core): "
            f"do not compare them.",
            found[0] if len(found) == 1 else "",
        )
    uneven = [(spread, entry.name) for entry in answer.entries if (spread := spread_of_seconds(entry)) > MAX_SPREAD]
    if uneven:
        spread, found = max(uneven)[0], [name for _, name in uneven]
        yield Flag(
            "busy_machine",
            f"Seconds per step{_of(found, answer)} differ by a factor of up to {spread:.1f} between runs of equal settings.",
            found[0] if len(found) == 1 else "",
        )


def _of(found: list[str], answer: Answer) -> str:
    """Return " of adam and sgd"; "" if it is all entries."""
    return "" if len(found) == len(answer.entries) > 1 else f" of {join_words(found)}"


def highest_load(runs: list[Record]) -> float:
    """Return the highest load average per core at the start or the end of a run; 0 if none was recorded."""
    return max((load / cores for run in runs for load, cores in _loads(run)), default=0.0)


def _loads(run: Record) -> Iterator[tuple[float, int]]:
    cores = run.hardware.get("cores")
    for key in ("load_at_start", "load_at_end"):
        load = run.timings.get(key)
        if cores and load is not None:
            yield load, int(cores)


def spread_of_seconds(entry: Entry) -> float:
    """Return the ratio of the slowest to the fastest seconds per step among the completed runs; 1 for fewer than two.

    Single runs and those of fused groups are not compared with each other.
    """
    paces: dict[str, list[float]] = {}
    for run in entry.completed:
        seconds, steps = run.summary.get("train_seconds"), run.summary.get("steps")
        if seconds and steps:
            paces.setdefault(execution_of(run), []).append(seconds / steps)
    return max((max(alike) / min(alike) for alike in paces.values()), default=1.0)
