"""The fraction of seeds that fulfil a condition, such as 3 of 4 seeds that solve a task."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import KEYS as BOUND
from descentlab.studies.inference.bounds import Bound, mistakes_of_bound, mistakes_of_number
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.decide import decide
from descentlab.studies.inference.diverged import note_of, replaced
from descentlab.studies.inference.fractions import Fraction

KEYS = (*BOUND, "fraction_at_least", "fraction_at_most", "diverged")
FRACTIONS = KEYS[3:5]
ARMS = (0, 1000)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the bound of the values and in that of the fraction."""
    yield from mistakes_of_bound(settings)
    given = [key for key in FRACTIONS if key in settings]
    if len(given) != 1:
        yield f"The check count needs one of {' and '.join(FRACTIONS)}."
    for key in given:
        yield from mistakes_of_number(key, settings[key], 0, 1)


def find(claim: Claim) -> Finding:
    """Return the finding about the fraction of the seeds of each arm whose values, at every x, meet the bound.

    Its interval is that of Clopper and Pearson: "at least 3 of 4" needs 13 seeds if all of them fulfil it. With `exact: true`
    the observed fraction decides, which is a statement about the seeds that ran.
    """
    return decide(claim, [_fraction(claim, arm) for arm in claim.arms], fraction_bound(claim.settings))


def fraction_bound(settings: Mapping[str, Any]) -> Bound:
    """Return the bound of the fraction."""
    if "fraction_at_least" in settings:
        low = float(settings["fraction_at_least"])
        return Bound(low, 1.0, f"at least {low:g}")
    high = float(settings["fraction_at_most"])
    return Bound(0.0, high, f"at most {high:g}")


def _fraction(claim: Claim, arm: str) -> Fraction:
    tables = claim.observations.by_x(arm).values()
    seeds = sorted(set().union(*tables))
    label = f"fraction of seeds of {arm} with {claim.bound.text}"
    values = {seed: [_value(claim, table[seed]) for table in tables if seed in table] for seed in seeds}
    if any(math.isnan(value) for each in values.values() for value in each):
        return Fraction(label, math.nan, len(seeds), note_of(*tables))
    count = sum(all(claim.bound.holds(value, value) for value in each) for each in values.values())
    return Fraction(label, count, len(seeds), note_of(*tables))


def _value(claim: Claim, value: float | None) -> float:
    return replaced(value, claim.bound, claim.diverged)
