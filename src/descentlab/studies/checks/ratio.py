"""The ratio of two arms: of the geometric means over seeds, paired by seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import KEYS as BOUND
from descentlab.studies.inference.bounds import mistakes_of_bound, mistakes_of_range
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.comparisons import compare_at_each_x, ratio, unmatched
from descentlab.studies.inference.decide import decide

KEYS = (*BOUND, "range", "diverged")
ARMS = (2, 2)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the bound and the range of x."""
    yield from mistakes_of_bound(settings)
    if "range" in settings:
        yield from mistakes_of_range("range", settings["range"])


def find(claim: Claim) -> Finding:
    """Return the finding about first / second, at each x that both have, in the `range` of x if there is one.

    With positive values it is the geometric mean of the ratios over seeds, with the t-interval of the difference of
    logarithms; otherwise the ratio of the means with Fieller's interval.
    """
    if "range" in claim.settings:
        claim = claim.between(*claim.settings["range"])
    estimates = compare_at_each_x(claim, ratio, "/", claim.bound)
    return decide(claim, estimates, claim.bound, note=unmatched(claim))
