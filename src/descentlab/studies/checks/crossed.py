"""The number of steps until a threshold is crossed: defined in every seed, and within a bound."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import KEYS as BOUND
from descentlab.studies.inference.bounds import mistakes_of_bound
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.decide import decide
from descentlab.studies.inference.diverged import AGAINST
from descentlab.studies.inference.keys import mistakes_of_choice
from descentlab.studies.inference.means import means
from descentlab.studies.inference.scales import SCALES

KEYS = (*BOUND, "scale")
ARMS = (0, 1000)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the bound and the scale."""
    yield from mistakes_of_bound(settings)
    yield from mistakes_of_choice(settings, "scale", tuple(SCALES))


def find(claim: Claim) -> Finding:
    """Return the finding about the mean number of steps of each arm at each x.

    A run without a value never crossed the threshold: then the claim is not reproduced, whatever the bound.
    """
    return decide(claim, means(claim, AGAINST), claim.bound)
