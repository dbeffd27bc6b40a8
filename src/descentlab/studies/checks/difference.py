"""The difference of two arms, paired by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import KEYS as BOUND
from descentlab.studies.inference.bounds import mistakes_of_bound
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.comparisons import compare_at_each_x, difference, unmatched
from descentlab.studies.inference.decide import decide

KEYS = (*BOUND, "diverged")
ARMS = (2, 2)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the bound."""
    yield from mistakes_of_bound(settings)


def find(claim: Claim) -> Finding:
    """Return the finding about the mean of first - second over seeds, at each x that both have."""
    estimates = compare_at_each_x(claim, difference, "-", claim.bound)
    return decide(claim, estimates, claim.bound, note=unmatched(claim))
