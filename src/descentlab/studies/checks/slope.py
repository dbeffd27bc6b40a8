"""The slope of a line through the values over x, such as the exponent of a power law."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import KEYS as BOUND
from descentlab.studies.inference.bounds import mistakes_of_bound, mistakes_of_range
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.decide import decide
from descentlab.studies.inference.keys import mistakes_of_choice
from descentlab.studies.inference.lines import AXES, slope_of_arm

KEYS = (*BOUND, "scale", "range", "diverged")
ARMS = (0, 1000)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the bound and the options."""
    yield from mistakes_of_bound(settings)
    yield from mistakes_of_choice(settings, "scale", tuple(AXES))
    if "range" in settings:
        yield from mistakes_of_range("range", settings["range"])
    if settings.get("diverged") == "worst_high":
        yield "diverged: a line has no slope with an infinite value; choose against or undefined."


def find(claim: Claim) -> Finding:
    """Return the finding about the slope of each arm: the mean of a least-squares slope per seed, with a t-interval over seeds.

    With one seed it is that of its line, with the interval from the residuals, which holds if they are independent.
    """
    low, high = claim.settings.get("range", (-math.inf, math.inf))
    scale = str(claim.settings.get("scale", "loglog"))
    return decide(claim, [slope_of_arm(claim, arm, scale, low, high) for arm in claim.arms], claim.bound)
