"""Probability that a run of one optimizer is better than a run of another."""

from __future__ import annotations

import numpy as np
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
