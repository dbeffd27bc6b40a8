"""Values of arms: their means over seeds, and all of them."""

from __future__ import annotations

from dataclasses import dataclass

from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.diverged import note_of, replaced
from descentlab.studies.inference.estimates import Mean, mean_over_seeds
from descentlab.studies.inference.observations import at
from descentlab.studies.inference.scales import SCALES


@dataclass(frozen=True)
class Values:
    """All values of the arms of a claim.

    Args:
        values: at every x and seed; infinite or NaN for a run without one.
        n: the number of seeds of the arm and x that has the fewest.
        note: how many runs have no value.
    """

    values: list[float]
    n: int
    note: str


def values_of(claim: Claim, diverged: str) -> Values:
    """Return all values of the arms of a claim; an arm without any gives NaN."""
    tables = [seeds for arm in claim.arms for seeds in claim.observations.by_x(arm).values() or [{0: None}]]
    found = [replaced(value, claim.bound, diverged) for seeds in tables for value in seeds.values()]
    return Values(found, min(map(len, tables), default=0), note_of(*tables))


def means(claim: Claim, diverged: str) -> list[Mean]:
    """Return the mean over seeds of each arm at each of its x, on the scale of the settings."""
    scale = SCALES[str(claim.settings.get("scale", "linear"))]
    found: list[Mean] = []
    for arm in claim.arms:
        for x, seeds in (claim.observations.by_x(arm) or {None: {}}).items():
            values = [scale.forward(replaced(value, claim.bound, diverged)) for value in seeds.values()]
            found.append(mean_over_seeds(values, at(arm, x), scale, note_of(seeds)))
    return found
