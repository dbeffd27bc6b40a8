"""Comparisons of two arms: differences, and ratios through logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable

from descentlab.report.statistics.paired import paired, unpaired
from descentlab.studies.inference.bounds import Bound
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.diverged import note_of, replaced_effect
from descentlab.studies.inference.estimates import Estimate, Mean, mean_of_difference, mean_over_seeds
from descentlab.studies.inference.fieller import RatioOfMeans
from descentlab.studies.inference.observations import Seeds, at
from descentlab.studies.inference.scales import LINEAR, LOG, Scale


def compare_at_each_x(claim: Claim, compare: Callable[..., Estimate], sign: str, bound: Bound) -> list[Estimate]:
    """Return the comparison, `difference` or `ratio`, of the two arms of a claim at each x that both have.

    Args:
        claim: with two arms.
        compare: the comparison.
        sign: "-" or "/", for the label.
        bound: that of the claim.
    """
    first, second = claim.arms
    return [
        compare(x, y, at(f"{first} {sign} {second}", position), bound, claim.diverged)
        for position, (x, y) in claim.observations.at_each_x(claim.arms)
    ]


def unmatched(claim: Claim) -> str:
    """Return which x of the arms of a claim have no partner and are left out, or ""."""
    found = claim.observations.unmatched(claim.arms)
    return f"x = {', '.join(f'{x:g}' for x in found)} is not in all arms and left out" if found else ""


def difference(first: Seeds, second: Seeds, label: str, bound: Bound, diverged: str, scale: Scale = LINEAR) -> Mean:
    """Return the mean of first - second on a scale, over shared seeds or between separate ones.

    The seeds are paired if at least half of those of the smaller arm, and two if it has two, are shared. Seeds without a
    partner are then left out, which the note reports. Otherwise all values are compared as independent samples (Welch).

    Args:
        first: the values of one arm.
        second: those of the other.
        label: the effect in words.
        bound: that of the claim, which a run without a value contradicts.
        diverged: what such a run counts as.
        scale: LINEAR; with LOG the estimate is the ratio of the geometric means.
    """
    pairs = first.keys() & second.keys()
    smaller = min(len(first), len(second))
    if not smaller:
        return Mean(label, math.nan, 0, scale=scale, note="an arm has no values")
    is_paired = len(pairs) >= max(min(2, smaller), smaller / 2)
    note = note_of(first, second)
    if is_paired:
        first, second, alone = _in_pairs(first, second)
        note = note or (f"seeds without a partner are left out: {', '.join(map(str, alone))}" if alone else "")
    else:
        note = note or "the seeds are not paired (Welch's method)"
    x, y = ({seed: _on(scale, value) for seed, value in side.items()} for side in (first, second))
    if found := (paired if is_paired else unpaired)(x, y, "max"):
        return mean_of_difference(found, label, scale, note)
    if is_paired:
        return mean_over_seeds([_effect(x[seed], y[seed], bound, diverged) for seed in x], label, scale, note)
    return Mean(label, _effect(_mean(x), _mean(y), bound, diverged), smaller, scale=scale, note=note)


def ratio(first: Seeds, second: Seeds, label: str, bound: Bound, diverged: str) -> Estimate:
    """Return first / second: the geometric mean of the ratios over seeds, by the difference of logarithms.

    Where a value is zero or negative there is no logarithm. Then it is the ratio of the means, with Fieller's interval, which
    uses the same pairs.
    """
    if all(value is None or value > 0 for side in (first, second) for value in side.values()):
        return difference(first, second, label, bound, diverged, LOG)
    if None in first.values() or None in second.values():
        effect = replaced_effect(_mean(first), _mean(second), bound, diverged)
        return Mean(label, effect, min(len(first), len(second)), scale=LOG, note=note_of(first, second))
    return RatioOfMeans.of(first, second, label)


def _in_pairs(first: Seeds, second: Seeds) -> tuple[Seeds, Seeds, list[int]]:
    """Return both arms at the shared seeds, and the seeds that are left out.

    A seed whose run has no value is kept also without a partner: leaving it out would favour an arm that diverges.
    """
    missing = {seed for side in (first, second) for seed, value in side.items() if value is None}
    kept = sorted(first.keys() & second.keys() | missing)
    alone = sorted((first.keys() ^ second.keys()) - missing)
    return {seed: first.get(seed) for seed in kept}, {seed: second.get(seed) for seed in kept}, alone


def _on(scale: Scale, value: float | None) -> float | None:
    return None if value is None else scale.forward(value)


def _effect(first: float | None, second: float | None, bound: Bound, diverged: str) -> float:
    if first is None or second is None:
        return replaced_effect(first, second, bound, diverged)
    return first - second


def _mean(values: Seeds) -> float | None:
    """Return the mean; None if a value is missing."""
    known = [value for value in values.values() if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None
