"""Times to the target of entries that have different targets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from descentlab.report.answer import Answer, Flag
from descentlab.report.statement import join_words
from descentlab.store.record import Record

ORDER = 5


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag if times to the target are compared and the reported runs of the entries have different targets."""
    if not answer.by.censored:
        return
    entries: dict[float | None, list[str]] = {}
    for entry in answer.entries:
        for target in targets(entry.series.runs):
            entries.setdefault(target, []).append(entry.name)
    if len(entries) > 1:
        listed = "; ".join(f"{_format(target)} for {join_words(names)}" for target, names in entries.items())
        yield Flag(
            "different_targets",
            f"The targets differ ({listed}): the {answer.by.label} are not comparable. Train with one target.",
        )


def targets(runs: Sequence[Record]) -> list[float | None]:
    """Return the distinct targets of runs."""
    return list(dict.fromkeys(run.summary.get("target", run.config.get("target")) for run in runs))


def _format(target: float | None) -> str:
    return "none" if target is None else f"{target:g}"
