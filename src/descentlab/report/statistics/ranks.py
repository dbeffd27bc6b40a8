"""Average ranks of optimizers over several problems: Friedman's test and Nemenyi's critical difference.

Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets" (JMLR 2006), recommends these tests: each problem is
one observation, and no assumption is made about the scales of the problems' metrics.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc
from scipy.stats import rankdata, studentized_range

PERMUTATIONS = 5_000  # of Friedman's permutation test


@dataclass(frozen=True)
class Ranks:
    """Ranks of optimizers over problems; rank 1 is the best, equal scores share the mean of their ranks.

    Attributes:
        average: the average rank of each optimizer by its name, the best first.
        wins: on how many problems each optimizer is the best; several of equal score are all counted.
        problems: the number of problems.
        statistic: Friedman's statistic, corrected for ties.
        p: of Friedman's test, by the chi-square distribution with k - 1 degrees of freedom; conservative for few problems.
        p_permutation: by permutations of the ranks within each problem; the one to use for fewer than 10 problems.
        critical_difference: average ranks that differ by at least this are different at `level` by Nemenyi's test.
        level: the confidence of `critical_difference`.
        groups: maximal groups of optimizers, consecutive by rank, that Nemenyi's test does not distinguish; only groups of
            at least two.
    """

    average: dict[str, float]
    wins: dict[str, int]
    problems: int
    statistic: float
    p: float
    p_permutation: float
    critical_difference: float
    level: float
    groups: list[list[str]]


def rank_over_problems(scores: Mapping[str, Sequence[float]], level: float = 0.95) -> Ranks | None:
    """Return the average ranks of optimizers over problems and their tests.

    With R_j the average rank of the j-th of k optimizers over n problems, Friedman's statistic is
    12 n / (k (k + 1)) sum_j (R_j - (k + 1) / 2)^2, divided by the correction for ties. The critical difference is
    q sqrt(k (k + 1) / (6 n)), where q is the quantile of the studentized range of k values divided by sqrt(2) (Nemenyi).

    Args:
        scores: a score on each problem by the optimizer's name, in one order of the problems; higher is better. Negate the
            values of a metric that is minimized. An optimizer without a result on a problem, for instance because it
            diverged, has -inf there.
        level: the confidence of the critical difference.

    Returns:
        None with fewer than two optimizers or fewer than two problems.

    Raises:
        ValueError: a score is nan, or the optimizers have different numbers of problems.
    """
    names = list(scores)
    if len({len(values) for values in scores.values()}) > 1:
        raise ValueError("every optimizer needs a score on every problem")
    table = np.array([scores[name] for name in names], dtype=float).T  # (problems, optimizers)
    if len(names) < 2 or len(table) < 2:
        return None
    if np.isnan(table).any():
        raise ValueError("a score is nan; use -inf for a missing result")
    ranks = rankdata(-table, axis=1)
    order = np.argsort(ranks.mean(0), kind="stable")
    names, ranks = [names[index] for index in order], ranks[:, order]
    average = ranks.mean(0)
    n, k = ranks.shape
    statistic = _friedman(ranks)
    quantile = float(studentized_range.ppf(level, k, np.inf)) / math.sqrt(2)
    critical = quantile * math.sqrt(k * (k + 1) / (6 * n))
    return Ranks(
        average=dict(zip(names, average.tolist(), strict=True)),
        wins=dict(zip(names, (ranks == ranks.min(1, keepdims=True)).sum(0).tolist(), strict=True)),
        problems=n,
        statistic=statistic,
        p=float(chdtrc(k - 1, statistic)),
        p_permutation=_permutation(ranks),
        critical_difference=critical,
        level=level,
        groups=[[names[index] for index in group] for group in _groups(average, critical)],
    )


def _friedman(ranks: np.ndarray) -> float:
    """Return Friedman's statistic of ranks of shape (problems, optimizers); 0 if all optimizers tie on every problem."""
    n, k = ranks.shape
    variance = ((ranks - (k + 1) / 2) ** 2).sum() / (n * (k - 1))  # k (k + 1) / 12 without ties
    deviations = ((ranks.mean(0) - (k + 1) / 2) ** 2).sum()
    return float(n * deviations / variance) if variance else 0.0


def _permutation(ranks: np.ndarray) -> float:
    """Return p of the sum of squared average ranks, by random permutations of the ranks of each problem."""
    generator = np.random.default_rng(0)
    sums = np.zeros((PERMUTATIONS, ranks.shape[1]))
    for row in ranks:
        sums += generator.permuted(np.tile(row, (PERMUTATIONS, 1)), axis=1)
    extreme = ((sums**2).sum(1) >= (ranks.sum(0) ** 2).sum() - 1e-9).sum()
    return float((extreme + 1) / (PERMUTATIONS + 1))


def _groups(average: np.ndarray, critical: float) -> list[range]:
    """Return the maximal ranges of at least two indices whose average ranks, sorted, differ by less than `critical`."""
    found: list[range] = []
    for start, lowest in enumerate(average):
        stop = int(np.searchsorted(average, lowest + critical, side="left"))
        if stop - start > 1 and (not found or stop > found[-1].stop):
            found.append(range(start, stop))
    return found
