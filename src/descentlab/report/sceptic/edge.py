"""Selected values on the edge of the range that was searched: the best value may lie beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.sceptic._ranges import Range, ranges
from descentlab.report.settings import format_assignment

ORDER = 30
NEAR = 0.05  # fraction of a search range, next to either end, in which a value counts as on the edge


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each numeric setting whose selected value is on the edge, with the side and a wider range."""
    for entry in answer.entries:
        for found in ranges(entry):
            for side in ("low", "high"):
                if is_on_edge(found, side):
                    yield Flag("edge", _message(entry, found, side), entry.name)


def is_on_edge(found: Range, side: str) -> bool:
    """Return True if no value was tried beyond the selected one on `side`, or if it is near that end of the range.

    Values that diverged count as tried, so that a rate next to one that diverged is not on the edge. With a single value
    there is no range and no edge.
    """
    if len(found.tried) < 2:
        return False
    extreme = found.selected >= found.tried[-1] if side == "high" else found.selected <= found.tried[0]
    return extreme or abs(_position(found) - (1.0 if side == "high" else 0.0)) <= NEAR


def _position(found: Range) -> float:
    """Return where the selected value lies in its range, on the range's scale: 0 at the low end, 1 at the high end."""
    if found.is_log:
        return math.log(found.selected / found.low) / math.log(found.high / found.low)
    return (found.selected - found.low) / (found.high - found.low)


def _message(entry: Entry, found: Range, side: str) -> str:
    end = "highest" if side == "high" else "lowest"
    beyond = found.step_beyond(side)
    advice = f"extend the range to {beyond:.3g}" if beyond is not None else f"extend the range on the {side} side"
    selected = format_assignment(found.key, found.selected)
    tried = f"{len(found.tried)} values tried, {found.tried[0]:.3g} to {found.tried[-1]:.3g}"
    return (
        f"{entry.name}: the selected {selected} is at the {end} end ({tried}), so a better value may lie beyond it: {advice}."
    )
