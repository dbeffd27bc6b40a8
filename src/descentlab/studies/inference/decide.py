"""The rule that gives the verdict of a claim from the intervals of its effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from descentlab.report.statistics.equivalence import level_of_one
from descentlab.studies.checks.finding import Finding, Verdict, worst
from descentlab.studies.inference.bounds import Bound
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.estimates import ONE_SEED, Estimate, fewest_equal


@dataclass(frozen=True)
class Levels:
    """The confidence levels of the intervals.

    Args:
        inside: of the interval that lies inside the bound if the claim is reproduced.
        outside: of the interval that lies outside the bound if it is not.
    """

    inside: float
    outside: float


@dataclass(frozen=True)
class Decision:
    """The verdict about one effect and its reason."""

    estimate: Estimate
    verdict: Verdict
    reason: str = ""


def decide(
    claim: Claim, estimates: Sequence[Estimate], bound: Bound, inside_level: float | None = None, note: str = ""
) -> Finding:
    """Return the finding of a claim that holds if all of its effects meet the bound.

    The claim is reproduced if the interval of every effect lies inside the bound, not reproduced if that of an effect lies
    outside, and otherwise inconclusive. For k effects "reproduced" needs no correction: if the claim is false, one effect
    does not meet the bound, and its own test is wrong with at most (1 - level) / 2 (union-intersection test: Berger,
    Technometrics 1982). "Not reproduced" needs a single interval outside, so that those intervals have the level
    1 - (1 - level) / k (Bonferroni). The finding shows the effect with the worst verdict, of these the least favourable.

    Args:
        claim: with the level, and `exact` if the estimates decide.
        estimates: the effects.
        bound: that each of them must meet.
        inside_level: the level of the interval that must lie inside the bound; None: that of the claim. Two one-sided tests at
            5 % need 90 %.
        note: what is unusual about the values of all effects, for the reason of the finding.
    """
    if not estimates:
        reason = "there are no values" if not claim.observations.rows else _nothing_to_compare(claim)
        return Finding(Verdict.INCONCLUSIVE, None, None, None, 0, None, ", ".join(claim.arms), bound.text, reason)
    inside = claim.level if inside_level is None else inside_level
    levels = Levels(inside, level_of_one(len(estimates), claim.level))
    found = [_decision(estimate, bound, levels, claim.exact) for estimate in estimates]
    verdict = worst(each.verdict for each in found)
    shown = min((each for each in found if each.verdict is verdict), key=lambda each: bound.slack(each.estimate.value))
    finding = _finding(shown, bound, levels, claim, _needed(found, bound, levels, claim.exact), len(found))
    return replace(finding, reason="; ".join(filter(None, [finding.reason, note])))


def _decision(estimate: Estimate, bound: Bound, levels: Levels, exact: bool) -> Decision:
    value = estimate.value
    if math.isnan(value):
        return Decision(estimate, Verdict.INCONCLUSIVE, "the effect is undefined" if estimate.n else "there are no values")
    holds = bound.holds(value, value)
    if exact:
        return Decision(estimate, Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED)
    if estimate.is_infinite and estimate.n > 1 and not holds:
        return Decision(estimate, Verdict.NOT_REPRODUCED)
    inside, outside = estimate.interval(levels.inside), estimate.interval(levels.outside)
    if inside is not None and bound.holds(*inside):
        return Decision(estimate, Verdict.REPRODUCED)
    if outside is not None and bound.fails(*outside):
        return Decision(estimate, Verdict.NOT_REPRODUCED)
    return Decision(estimate, Verdict.INCONCLUSIVE, _why(estimate, inside, bound, levels))


def _why(estimate: Estimate, interval: tuple[float, float] | None, bound: Bound, levels: Levels) -> str:
    """Return why an effect is inconclusive."""
    if interval is None:
        if estimate.n == 1:
            return ONE_SEED
        if estimate.is_infinite or estimate.n < fewest_equal(levels.inside):
            return f"equal or infinite values decide from {fewest_equal(levels.inside)} seeds on"
        return "the effect has no bounded interval"
    if bound.fails(*interval):
        return "the interval is outside the bound, but not after the correction for several comparisons"
    return "the interval contains an end of the bound"


def _finding(shown: Decision, bound: Bound, levels: Levels, claim: Claim, needed: int | None, k: int) -> Finding:
    estimate = shown.estimate
    low, high = (None if claim.exact else estimate.interval(levels.inside)) or (None, None)
    effect = estimate.label if k == 1 else f"{estimate.label} (least favourable of {k})"
    reason = "; ".join(filter(None, [shown.reason, estimate.note]))
    value = None if math.isnan(estimate.value) else estimate.value
    return Finding(shown.verdict, value, low, high, estimate.n, needed, effect, bound.text, reason)


def _needed(found: Sequence[Decision], bound: Bound, levels: Levels, exact: bool) -> int | None:
    """Return the number of seeds that would decide all effects; None if they are decided or one of the numbers is unknown."""
    if exact or worst(each.verdict for each in found) is not Verdict.INCONCLUSIVE:
        return None
    needed: list[int] = []
    for each in (each.estimate for each in found if each.verdict is Verdict.INCONCLUSIVE):
        level = levels.inside if bound.slack(each.value) > 0 else levels.outside
        number = None if math.isnan(each.value) else each.needed(bound, level)
        if number is None:
            return None
        needed.append(number)
    return max(needed)


def decide_each(claim: Claim, values: Sequence[float], n: int, label: str, bound: Bound, note: str = "") -> Finding:
    """Return the finding of a claim about the seeds that ran: each of their values meets the bound.

    It is a statement about these values, not about other seeds: it has no interval. A single
    seed is inconclusive unless the claim is exact.

    Args:
        claim: with `exact`.
        values: all of them; NaN is undefined.
        n: the number of seeds of each arm.
        label: what the values are, such as "each of adam, sgd".
        bound: that each of them must meet.
        note: what is unusual about the values.
    """
    if not values or any(map(math.isnan, values)):
        reason = "; ".join(filter(None, ["a value is undefined" if values else "there are no values", note]))
        return Finding(Verdict.INCONCLUSIVE, None, None, None, n, None, label, bound.text, reason)
    least = min(values, key=bound.slack)
    if n == 1 and not claim.exact:
        return Finding(Verdict.INCONCLUSIVE, least, None, None, n, 2, label, bound.text, ONE_SEED)
    verdict = Verdict.REPRODUCED if bound.holds(least, least) else Verdict.NOT_REPRODUCED
    return Finding(verdict, least, None, None, n, None, label, bound.text, note)


def _nothing_to_compare(claim: Claim) -> str:
    absent = [arm for arm in claim.arms if arm not in claim.observations.arms]
    return f"there are no values of {', '.join(absent)}" if absent else "the arms have no common x, or too few values"
