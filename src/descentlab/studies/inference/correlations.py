"""Spearman's rank correlation with Fisher's interval, over points or over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata

from descentlab.report.statistics.interval import Array
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.diverged import replaced
from descentlab.studies.inference.estimates import Mean, mean_over_seeds
from descentlab.studies.inference.observations import Row
from descentlab.studies.inference.scales import FISHER


def per_seed(claim: Claim, arm: str) -> Mean:
    """Return the mean correlation over seeds, by the mean of Fisher's z = atanh(rho); for one seed that over its points."""
    seeds = list(claim.observations.points(arm).values())
    if len(seeds) == 1:
        return pooled(claim, [arm])
    found = [_correlation(claim, rows) for rows in seeds]
    values = [replaced(None, claim.bound, claim.diverged) if rho is None else fisher(rho, m) for rho, m in found]
    missing = sum(rho is None for rho, _ in found)
    note = f"{missing} of {len(found)} seeds have no correlation" if missing else ""
    return mean_over_seeds(values, f"correlation of {arm}", FISHER, note)


def pooled(claim: Claim, arms: Sequence[str]) -> Mean:
    """Return the correlation over all points of some arms.

    The standard error of z for m points is sqrt((1 + rho^2 / 2) / (m - 3)). Source: Bonett and Wright, Sample size requirements
    for estimating Pearson, Kendall and Spearman correlations (Psychometrika 2000), equation 3.
    """
    seeds = [item for arm in arms for item in claim.observations.points(arm).items()]
    rows = [row for _, points in seeds for row in points]
    n, label = len({seed for seed, _ in seeds}), f"correlation of {', '.join(arms)} over {len(rows)} points"
    rho, m = _correlation(claim, rows)
    if rho is None:
        return Mean(label, replaced(None, claim.bound, claim.diverged), n, scale=FISHER, note="the correlation is undefined")
    error = math.sqrt((1 + rho**2 / 2) / (m - 3)) if m > 3 else 0.0
    return Mean(label, fisher(rho, m), n, error, scale=FISHER)


def spearman(x: Array, y: Array) -> float | None:
    """Return Pearson's correlation of the ranks, ties having their mean rank; None if one side is constant."""
    if len(x) < 3 or (x == x[0]).all() or (y == y[0]).all():
        return None
    return float(np.clip(np.corrcoef(rankdata(x), rankdata(y))[0, 1], -1, 1))


def fisher(rho: float, m: int) -> float:
    """Return atanh(rho) of m points.

    It is finite also for +-1, where half of the last step of rho counts as unknown: 12 / (m^3 - m) is that between the perfect
    order and the order with two neighbours exchanged.
    """
    largest = 1 - 6 / (m**3 - m)
    return math.atanh(min(max(rho, -largest), largest))


def _correlation(claim: Claim, rows: Sequence[Row]) -> tuple[float | None, int]:
    """Return the correlation and the number of points; None if it is undefined or a run without a value makes it so."""
    values = [math.inf if row.value is None and claim.diverged == "worst_high" else row.value for row in rows]
    if None in values:
        return None, len(values)
    x, y = np.array([row.x for row in rows], dtype=np.float64), np.array(values, dtype=np.float64)
    return spearman(x, y), len(values)
