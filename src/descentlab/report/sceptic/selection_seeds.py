"""Entries whose result is reported on the seeds by which their settings were selected, which makes the result optimistic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.statement import join_words
from descentlab.store.record import Record

ORDER = 55


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag that lists the entries that were selected among several settings on the seeds that report."""
    found = [entry for entry in answer.entries if entry.candidates > 1 and entry.completed and reuses_seeds(entry)]
    if found:
        yield Flag("selection_seeds", _message(found), found[0].name if len(found) == 1 else "")


def reuses_seeds(entry: Entry) -> bool:
    """Return True if a seed of the reported runs was also a seed of the runs by which the settings were selected.

    In a grid it always is; in a tuned sweep only if the tuning is not complete, or the two sets of seeds overlap.
    """
    if entry.arm is None or entry.is_preliminary:
        return True
    return not seeds(entry.series.runs).isdisjoint(seeds(run for one in entry.alternatives for run in one.runs))


def seeds(runs: Iterable[Record]) -> set[int]:
    """Return the seeds of runs: of the initial weights and of the batches, which are equal unless a command sets both."""
    return {int(run.config[key]) for run in runs for key in ("seed", "data_seed") if run.config.get(key) is not None}


def _message(found: list[Entry]) -> str:
    many = len(found) > 1
    return (
        f"The same seeds select and report: {join_words([entry.name for entry in found])} "
        f"{'were each' if many else 'was'} selected among {_settings(found)} by the runs that also report the result, "
        f"which makes the result optimistic. hydra/sweeper=tune reports on fresh seeds."
    )


def _settings(found: list[Entry]) -> str:
    numbers = sorted({entry.candidates for entry in found})
    return f"{numbers[0]} settings" if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]} settings"
