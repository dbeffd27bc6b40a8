"""The ratio of two arms: of the geometric means over seeds, paired by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import KEYS as BOUND
from descentlab.studies.inference.bounds import mistakes_of_bound
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.comparisons import compare_at_each_x, ratio, unmatched
from descentlab.studies.inference.decide import decide

KEYS = (*BOUND, "diverged")
ARMS = (2, 2)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the bound."""
    yield from mistakes_of_bound(settings)


def find(claim: Claim) -> Finding:
    """Return the finding about first / second, at each x that both have.

    With positive values it is the geometric mean of the ratios over seeds, with the t-interval of the difference of
    logarithms; otherwise the ratio of the means with Fieller's interval.
    """
    estimates = compare_at_each_x(claim, ratio, "/", claim.bound)
    return decide(claim, estimates, claim.bound, note=unmatched(claim))
