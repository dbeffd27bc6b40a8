"""Entries at their default settings that are compared with tuned ones."""

from __future__ import annotations

from collections.abc import Iterator

from descentlab.report.answer import Answer, Flag
from descentlab.report.statement import join_words

ORDER = 20


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag if some entries were selected among several settings and others have only one."""
    tuned = [entry for entry in answer.entries if entry.candidates > 1]
    untuned = [entry.name for entry in answer.entries if entry.candidates <= 1]
    if not tuned or not untuned:
        return
    first = max(tuned, key=lambda entry: entry.candidates)
    yield Flag(
        "untuned_baseline",
        f"{join_words(untuned)} {'was' if len(untuned) == 1 else 'were each'} trained with one setting, "
        f"but {first.name} was selected among {first.candidates} settings: "
        f"the comparison favours the tuned {'optimizer' if len(tuned) == 1 else 'optimizers'}.",
        untuned[0] if len(untuned) == 1 else "",
    )
