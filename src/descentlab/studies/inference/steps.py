"""Steps between neighbours: neighbouring arms, or neighbouring values of x."""

from __future__ import annotations

from descentlab.studies.inference.bounds import Bound
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.comparisons import difference
from descentlab.studies.inference.estimates import Mean
from descentlab.studies.inference.observations import Seeds, at
from descentlab.studies.inference.scales import SCALES

INCREASING, DECREASING = DIRECTIONS = ("increasing", "decreasing")

Named = tuple[str, Seeds]  # a name with its values


def steps_over_arms(claim: Claim, bound: Bound) -> list[Mean]:
    """Return the differences between neighbouring arms at each x that all have, such that positive ones have the direction."""
    found: list[Mean] = []
    for x, sides in claim.observations.at_each_x(claim.arms):
        named = [(at(arm, x), seeds) for arm, seeds in zip(claim.arms, sides, strict=True)]
        found += _steps(claim, named, bound)
    return found


def steps_over_x(claim: Claim, bound: Bound) -> list[Mean]:
    """Return the differences between neighbouring x of each arm, such that positive ones have the direction."""
    found: list[Mean] = []
    for arm in claim.arms:
        values = claim.observations.by_x(arm)
        found += _steps(claim, [(at(arm, x), seeds) for x, seeds in values.items() if x is not None], bound)
    return found


def _steps(claim: Claim, named: list[Named], bound: Bound) -> list[Mean]:
    if claim.settings.get("direction") == DECREASING:
        named = named[::-1]
    pairs = zip(named[1:], named[:-1], strict=True)
    return [_step(claim, later, earlier, bound) for later, earlier in pairs]


def _step(claim: Claim, later: Named, earlier: Named, bound: Bound) -> Mean:
    """Return later - earlier, or later / earlier with `scale: log`."""
    scale = str(claim.settings.get("scale", "linear"))
    label = f"{later[0]} {'/' if scale == 'log' else '-'} {earlier[0]}"
    return difference(later[1], earlier[1], label, bound, claim.diverged, SCALES[scale])
