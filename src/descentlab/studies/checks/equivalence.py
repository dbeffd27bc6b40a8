"""Practical equality of two arms: two one-sided tests (TOST) with a margin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descentlab.studies.checks.finding import Finding
from descentlab.studies.inference.bounds import Bound, mistakes_of_number
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.comparisons import compare_at_each_x, difference, ratio, unmatched
from descentlab.studies.inference.decide import decide

KEYS = ("margin", "factor", "diverged")
ARMS = (2, 2)


def mistakes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each mistake in the margin or factor."""
    if ("margin" in settings) == ("factor" in settings):
        yield "The check equivalence needs one of margin and factor."
    for key, least in (("margin", 0), ("factor", 1)):
        if key in settings:
            yield from mistakes_of_number(key, settings[key], least)
            if settings[key] == least:
                yield f"{key} is above {least}: no number of seeds shows exact equality."


def find(claim: Claim) -> Finding:
    """Return the finding about first - second within +- margin, or first / second within [1 / factor, factor].

    Two one-sided tests at 1 - level reject that the difference is as large as the margin if the interval of 2 level - 1, 90 %,
    lies inside it (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 1987). This interval is shown. The claim is not
    reproduced if the interval of `level` lies outside.
    """
    bound, sign = bound_of(claim.settings)
    estimates = compare_at_each_x(claim, ratio if sign == "/" else difference, sign, bound)
    return decide(claim, estimates, bound, 2 * claim.level - 1, unmatched(claim))


def bound_of(settings: Mapping[str, Any]) -> tuple[Bound, str]:
    """Return the bound, and the sign of the comparison."""
    if "factor" in settings:
        factor = float(settings["factor"])
        return Bound(1 / factor, factor, f"within a factor of {factor:g}"), "/"
    margin = float(settings["margin"])
    return Bound(-margin, margin, f"within +- {margin:g}"), "-"
