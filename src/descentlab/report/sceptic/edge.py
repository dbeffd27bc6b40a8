"""Selected values on the edge of the range that was searched: the best value may lie beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.settings import format_assignment
from descentlab.report.tuned_ranges import Range, ranges

ORDER = 30
SIDES = {"low": "lowest", "high": "highest"}
NEAR = 0.05  # fraction of a search range, next to either end, in which a value counts as on the edge


def find(answer: Answer) -> Iterator[Flag]:
    """Yield a flag for each numeric setting whose selected value is on the edge, with the side and what to do.

    The end of a range beyond which the key allows no value, such as a momentum of 0, is not an edge.
    """
    for entry in answer.entries:
        for found in ranges(entry):
            for side in SIDES:
                if is_on_edge(found, side):
                    yield Flag("edge", _message(entry, found, side), entry.name)


def is_on_edge(found: Range, side: str) -> bool:
    """Return True if the range should be extended on `side` ("low" or "high"), or more of its values be tried there."""
    if is_near_end(found, side):
        return not found.ends_at_bound(side)
    return is_extreme(found, side)


def is_extreme(found: Range, side: str) -> bool:
    """Return True if no value was tried beyond the selected one on `side` ("low" or "high").

    Values that diverged count as tried, so that a rate next to one that diverged is not extreme. A single value is not.
    """
    if len(found.tried) < 2:
        return False
    return found.selected >= found.tried[-1] if side == "high" else found.selected <= found.tried[0]


def is_near_end(found: Range, side: str) -> bool:
    """Return True if the selected value is near the end of the search range on `side`, on the range's scale."""
    if len(found.tried) < 2:
        return False
    if found.is_log:
        position = math.log(found.selected / found.low) / math.log(found.high / found.low)
    else:
        position = (found.selected - found.low) / (found.high - found.low)
    return position >= 1 - NEAR if side == "high" else position <= NEAR


def _message(entry: Entry, found: Range, side: str) -> str:
    selected, tried = format_assignment(found.key, found.selected), f"the {len(found.tried)} values tried"
    end, beyond = (found.high if side == "high" else found.low), found.step_beyond(side)
    if not is_near_end(found, side):
        why = f"is the {SIDES[side]} of {tried}, and the range ends at {end:.3g}"
        return f"{entry.name}: the selected {selected} {why}: train more trials."
    advice = f"to {beyond:.3g}" if beyond is not None else f"on the {side} side"
    why = f"is at the {SIDES[side]} end of its range ({found.low:.3g} to {found.high:.3g}), a better value may lie beyond it"
    return f"{entry.name}: the selected {selected} {why}: extend the range {advice}."
