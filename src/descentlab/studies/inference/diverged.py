"""What a run without a value counts as: a run that diverged, or whose quantity is undefined. It is never left out.

- against (default): the infinite value that does not meet the bound. Such a run never supports a claim.
- worst_high: +inf, which is natural for losses and numbers of steps. It supports a claim such as "at least 10".
- undefined: the effect is undefined, and the check inconclusive.
"""

from __future__ import annotations

import math

from descentlab.studies.inference.bounds import Bound
from descentlab.studies.inference.observations import Seeds

AGAINST, WORST_HIGH, UNDEFINED = OPTIONS = ("against", "worst_high", "undefined")


def replaced(value: float | None, bound: Bound, diverged: str) -> float:
    """Return `value`, or the value that replaces a missing one: infinite, or NaN."""
    if value is not None:
        return value
    return {AGAINST: bound.contradiction, WORST_HIGH: math.inf}.get(diverged, math.nan)


def replaced_effect(first: float | None, second: float | None, bound: Bound, diverged: str) -> float:
    """Return the value that replaces first - second, or log(first / second), if one of them is missing.

    With worst_high it is inf for a missing first value, -inf for a missing second one, and NaN if both are: two runs that
    diverged cannot be compared.
    """
    if diverged != WORST_HIGH:
        return replaced(None, bound, diverged)
    if first is None and second is None:
        return math.nan
    return math.inf if first is None else -math.inf


def note_of(*sides: Seeds) -> str:
    """Return how many runs have no value, or ""."""
    runs = [value for side in sides for value in side.values()]
    missing = sum(value is None for value in runs)
    return f"{missing} of {len(runs)} runs diverged or have no value" if missing else ""
