"""Equality up to a tolerance in every seed, as of trajectories: the value is the distance between them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import Bound, mistakes_of_number
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.decide import decide_each
from descentlab.studies.inference.diverged import note_of

KEYS = ("tolerance",)
ARMS = (0, 1000)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence if the tolerance is missing or wrong."""
    if "tolerance" not in settings:
        yield "The check equal needs a tolerance."
    else:
        yield from mistakes_of_number("tolerance", settings["tolerance"], 0)


def find(claim: Claim) -> Finding:
    """Return the finding about the largest |value| over all arms, x and seeds. A run without a value is not equal."""
    tolerance = float(claim.settings["tolerance"])
    bound = Bound(-math.inf, tolerance, f"at most {tolerance:g}")
    tables = [seeds for arm in claim.arms for seeds in claim.observations.by_x(arm).values()]
    values = [math.inf if value is None else abs(value) for seeds in tables for value in seeds.values()]
    absent = [arm for arm in claim.arms if arm not in claim.observations.arms]
    note = f"there are no values of {', '.join(absent)}" if absent else note_of(*tables)
    seeds = min(map(len, tables), default=0)
    label = f"largest absolute value of {', '.join(claim.arms)}"
    return decide_each(claim, [*values, *[math.nan] * len(absent)], seeds, label, bound, note)
