"""Exact sign-flip tests of paired differences: the permutation test of the mean and Wilcoxon's signed-rank test."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.stats import rankdata, wilcoxon

from descentlab.report.statistics.interval import Array

EXACT_TO = 15  # pairs up to which all 2^n assignments of signs are enumerated
FLIPS = 10_000  # random assignments for more pairs
ROUNDING = 1e-12  # sums that differ by less, relative to the sum of magnitudes, are equal


def permutation_p(differences: Array, resolution: float = 0.0) -> float:
    """Return the two-sided p-value of a mean difference of zero, by flipping the signs of paired differences.

    If both optimizers are exchangeable, each difference d is as likely as -d, so that p is the fraction of the 2^n
    assignments of signs whose |sum| is at least the observed one. It is exact for up to 15 pairs. For more pairs, 10,000
    assignments are drawn with a fixed seed, and the observed one is counted among them (Phipson and Smyth, Statistical
    Applications in Genetics and Molecular Biology 2010). Source: Fisher, The design of experiments (1935), section 21.

    Args:
        differences: (n,), finite.
        resolution: rounding error of a difference. Sums that it can explain count as equal.
    """
    return _sign_flip_p(np.abs(differences), float(differences.sum()), len(differences) * resolution)


def attainable_p(n: int) -> float:
    """Return the least p-value that `permutation_p` can give for `n` pairs: 2^(1 - n), or 1 / 10,001 where that is larger."""
    return 2.0 ** (1 - n) if n <= EXACT_TO else 1 / (FLIPS + 1)


def wilcoxon_p(differences: Array, resolution: float = 0.0) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test; 1 if all differences are zero.

    Zero differences are left out, tied magnitudes get their mean rank (Wilcoxon, Biometrics Bulletin 1945). The test is exact
    for up to 15 non-zero differences, also with ties, where p is that of flipping the signs of ranks; otherwise it is
    scipy.stats.wilcoxon's.

    Args:
        differences: (n,), finite.
        resolution: rounding error of a difference. Neighbouring magnitudes that differ by no more are tied.
    """
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 1.0
    if len(nonzero) > EXACT_TO:
        result: Any = wilcoxon(nonzero)  # scipy's stubs lack its attributes
        return float(result.pvalue)
    ordered = nonzero[np.argsort(np.abs(nonzero), kind="stable")]
    tied = np.concatenate([[0], (np.diff(np.abs(ordered)) > resolution).cumsum()])
    ranks = rankdata(tied)
    return _sign_flip_p(ranks, float(ranks @ np.sign(ordered)))


def _sign_flip_p(magnitudes: Array, observed: float, tolerance: float = 0.0) -> float:
    """Return the fraction of the assignments of signs to `magnitudes` whose |sum| is at least |observed| - tolerance."""
    n = len(magnitudes)
    threshold = abs(observed) - max(tolerance, ROUNDING * float(magnitudes.sum()))
    if n <= EXACT_TO:
        return float((np.abs(_all_signs(n) @ magnitudes) >= threshold).mean())
    return float((1 + (np.abs(_random_signs(n) @ magnitudes) >= threshold).sum()) / (1 + FLIPS))


@lru_cache(maxsize=EXACT_TO)
def _all_signs(n: int) -> Array:
    """Return all assignments of signs with a positive first one, (2^(n - 1), n); the others have the same |sums|."""
    bits = np.arange(2 ** (n - 1))[:, None] >> np.arange(n)
    return 1.0 - 2.0 * (bits & 1)


@lru_cache(maxsize=2)
def _random_signs(n: int) -> Array:
    """Return FLIPS random assignments of signs, (FLIPS, n)."""
    return np.random.default_rng(0).choice([-1.0, 1.0], size=(FLIPS, n))
