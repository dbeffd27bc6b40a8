"""The rank correlation of the values with x."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import KEYS as BOUND
from descentlab.studies.inference.bounds import mistakes_of_bound
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.correlations import per_seed, pooled
from descentlab.studies.inference.decide import decide

KEYS = (*BOUND, "pool", "diverged")
ARMS = (0, 1000)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the bound."""
    yield from mistakes_of_bound(settings)


def find(claim: Claim) -> Finding:
    """Return the finding about Spearman's correlation of each arm: the mean over seeds, on Fisher's scale.

    With `pool: true`, and with one seed, it is the correlation over all points, with Fisher's interval, which holds if the
    points are independent; `pool: true` takes the points of all arms together.
    """
    if claim.settings.get("pool"):
        return decide(claim, [pooled(claim, claim.arms)], claim.bound)
    return decide(claim, [per_seed(claim, arm) for arm in claim.arms], claim.bound)
