"""A monotone curve: over x, or over several arms, up to a tolerance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import Bound, mistakes_of_number
from descentlab.studies.inference.claims import Claim, arms_of
from descentlab.studies.inference.comparisons import unmatched
from descentlab.studies.inference.decide import decide
from descentlab.studies.inference.keys import mistakes_of_choice
from descentlab.studies.inference.steps import DIRECTIONS, steps_over_arms, steps_over_x

KEYS = ("over", "direction", "tolerance", "diverged")
ARMS = (0, 1000)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the options."""
    yield from mistakes_of_choice(settings, "over", ("x", "arms"))
    yield from mistakes_of_choice(settings, "direction", DIRECTIONS)
    named = arms_of(settings)
    if settings.get("over") == "arms" and len(named) < 2:
        yield f"The check monotone needs at least 2 arms with over: arms, got {len(named)}."
    if "tolerance" in settings:
        yield from mistakes_of_number("tolerance", settings["tolerance"], 0)


def find(claim: Claim) -> Finding:
    """Return the finding about the steps of the mean curve: each is at least -tolerance in the direction.

    Unlike `ordering` a step may be 0. A curve that is flat somewhere needs a tolerance larger than the noise of the steps, or
    `exact: true`.
    """
    tolerance = float(claim.settings.get("tolerance", 0))
    bound = Bound(-tolerance, math.inf, f"at least {-tolerance:g}" if tolerance else "at least 0")
    if claim.settings.get("over") == "arms":
        return decide(claim, steps_over_arms(claim, bound), bound, note=unmatched(claim))
    return decide(claim, steps_over_x(claim, bound), bound)
