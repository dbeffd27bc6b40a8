"""Selected values on the edge of the range that was searched: the best value may lie beyond it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from descentlab.report.answer import Answer, Entry, Flag
from descentlab.report.settings import format_assignment
from descentlab.report.tuned_ranges import Range, ranges

ORDER = 15
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
                    yield _flag(entry, found, side)


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


def _flag(entry: Entry, found: Range, side: str) -> Flag:
    selected, tried, place = format_assignment(found.key, found.selected), len(found.tried), SIDES[side]
    if not is_near_end(found, side):
        end = f"{found.high if side == 'high' else found.low:.3g}"
        message = f"the selected {selected} is the {place} of the {tried} values tried, and the range ends at {end}"
        frame = ("", f" are the {place} of the values tried, and not at the ends of their ranges: train more trials.")
        detail = f"{selected} ({tried} values tried, the range ends at {end})"
        return Flag("edge", f"{entry.name}: {message}: train more trials.", entry.name, frame, detail)
    beyond, ends = found.step_beyond(side), f"{found.low:.3g} to {found.high:.3g}"
    advice = f"to {beyond:.3g}" if beyond is not None else f"on the {side} side"
    message = f"the selected {selected} is at the {place} end of the range ({ends}), a better value may lie beyond it"
    frame = ("", f" are at the {place} ends of their ranges, better values may lie beyond them.")
    detail = f"{selected} (range {ends}: extend it {advice})"
    return Flag("edge", f"{entry.name}: {message}: extend the range {advice}.", entry.name, frame, detail)
