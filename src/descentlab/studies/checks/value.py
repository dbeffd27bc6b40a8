"""The value of one or several arms: its mean over seeds, or the value of each seed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import KEYS as BOUND
from descentlab.studies.inference.bounds import mistakes_of_bound
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.decide import decide, decide_each
from descentlab.studies.inference.keys import mistakes_of_choice
from descentlab.studies.inference.means import means, values_of
from descentlab.studies.inference.scales import SCALES

KEYS = (*BOUND, "each", "scale", "diverged")
ARMS = (0, 1000)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the bound and the options."""
    yield from mistakes_of_bound(settings)
    yield from mistakes_of_choice(settings, "scale", tuple(SCALES))


def find(claim: Claim) -> Finding:
    """Return the finding about the mean over seeds of each arm at each x; with `each: true`, about every value.

    With `scale: log` it is the geometric mean, for values over several decades.
    """
    if not claim.settings.get("each"):
        return decide(claim, means(claim, claim.diverged), claim.bound)
    values = values_of(claim, claim.diverged)
    return decide_each(claim, values.values, values.n, f"each value of {', '.join(claim.arms)}", claim.bound, values.note)
