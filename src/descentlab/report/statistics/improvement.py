"""Probability that a run of one optimizer is better than a run of another."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtri
from scipy.stats import rankdata

from descentlab.report.statistics.interval import Array


def probability_of_improvement(first: Array, second: Array) -> float:
    """Return the probability that a run of the first is better than one of the second, larger values being better.

    P = U / (n m), U Mann and Whitney's statistic: the fraction of all n m pairs of runs that the first wins, ties counting one
    half. Source: rliable's probability_of_improvement (Agarwal et al., arXiv:2108.13264, section 4.3) for one problem.
    """
    n, m = len(first), len(second)
    ranks = rankdata(np.concatenate([first, second]))[:n]
    return float((ranks.sum() - n * (n + 1) / 2) / (n * m))


def wilson(successes: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval of a fraction `successes` / n (Wilson, JASA 1927); ties may count one half."""
    z, p = float(ndtri((1 + level) / 2)), successes / n
    centre, half_width = p + z**2 / (2 * n), z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    scale = 1 + z**2 / n
    return max(0.0, (centre - half_width) / scale), min(1.0, (centre + half_width) / scale)
