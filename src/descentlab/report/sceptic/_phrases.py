"""Phrases of the flags' messages."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.comparability import list_labels


def names(entries: Sequence[str]) -> str:
    """Return names as a phrase: "adam", "adam and sgd", "adam, sgd and lion", "adam, sgd, lion and 2 more"."""
    if len(entries) > 3 or len(entries) < 2:
        return list_labels(entries)
    return f"{', '.join(entries[:-1])} and {entries[-1]}"


def count(number: int, noun: str) -> str:
    """Return a number with its noun: "1 run", "5 runs"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
