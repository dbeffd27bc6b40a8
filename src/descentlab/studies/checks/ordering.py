"""The order of several arms: each is above the one before it, or below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import ABOVE_ONE, POSITIVE
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.comparisons import unmatched
from descentlab.studies.inference.decide import decide
from descentlab.studies.inference.keys import mistakes_of_choice
from descentlab.studies.inference.scales import SCALES
from descentlab.studies.inference.steps import DIRECTIONS, steps_over_arms

KEYS = ("direction", "scale", "diverged")
ARMS = (2, 1000)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the options."""
    yield from mistakes_of_choice(settings, "direction", DIRECTIONS)
    yield from mistakes_of_choice(settings, "scale", tuple(SCALES))


def find(claim: Claim) -> Finding:
    """Return the finding about the steps between neighbouring arms, at each x that all have.

    All must be positive (negative with `direction: decreasing`). With `scale: log` a step is the ratio of the geometric means,
    which must be above 1.
    """
    bound = ABOVE_ONE if claim.settings.get("scale") == "log" else POSITIVE
    return decide(claim, steps_over_arms(claim, bound), bound, note=unmatched(claim))
