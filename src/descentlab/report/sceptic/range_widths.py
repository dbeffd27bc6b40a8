"""Search ranges of different width, which give one optimizer more room than another."""

from __future__ import annotations

from collections.abc import Iterator

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.tuned_ranges import Range, ranges

ORDER = 30
TOLERANCE = 0.01  # decades


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for the learning rate, and for each other key that entries share, whose ranges differ in decades."""
    by_key: dict[str, dict[str, Range]] = {}
    for entry in answer.entries:
        for found in _logarithmic(entry):
            by_key.setdefault(found.key, {})[entry.name] = found
    for key, found in by_key.items():
        widths = {name: each.decades or 0.0 for name, each in found.items()}
        narrowest, widest = min(widths, key=lambda name: widths[name]), max(widths, key=lambda name: widths[name])
        if widths[widest] - widths[narrowest] > TOLERANCE:
            yield Flag("range_widths", _message(key, found, widest, narrowest), widest)


def _logarithmic(entry: Entry) -> list[Range]:
    return [found for found in ranges(entry) if found.is_log]


def _message(key: str, found: dict[str, Range], widest: str, narrowest: str) -> str:
    return (
        f"Search ranges of different width: {key.removeprefix('optimizer.')} of {_width(widest, found[widest])}, "
        f"of {_width(narrowest, found[narrowest])}."
    )


def _width(name: str, found: Range) -> str:
    return f"{name} spans {found.decades:.2g} decades ({found.low:.3g} to {found.high:.3g})"
