"""The logrank test of equal distributions of the time to target in two groups of runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy.stats import CensoredData
from scipy.stats import logrank as scipy_logrank

from descentlab.report.statistics.survival import Times

MAX_ASSIGNMENTS = 20_000  # up to this number, all assignments of runs to groups are evaluated
SAMPLED_ASSIGNMENTS = 5_000  # the size of the random sample if there are more


@dataclass(frozen=True)
class LogRank:
    """The result of a logrank test.

    Attributes:
        statistic: a standard normal deviate; positive if the first group reaches the target earlier.
        p_permutation: two-sided, over assignments of the runs to the groups: all of them, or a random sample. That of the
            normal approximation is too small for a few runs in each group.
        p_attainable: the smallest value that `p_permutation` can take with these numbers of runs.
    """

    statistic: float
    p_permutation: float
    p_attainable: float


def logrank(first: Times, second: Times) -> LogRank | None:
    """Return the logrank test of equal distributions of the time to target (Mantel 1966; `scipy.stats.logrank`).

    The permutation test uses the sum over the first group of the logrank scores (Peto and Peto, J. R. Stat. Soc. A 1972).

    Returns:
        None if the test is undefined: a group has no runs, no run reached the target, or all reached it at the same time.
    """
    if not len(first) or not len(second) or not (*first.reached, *second.reached):
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        result = scipy_logrank(_censored(first), _censored(second))
    if not math.isfinite(result.statistic):
        return None
    return LogRank(float(result.statistic), *_permutation(_scores(first, second), len(first)))


def _censored(times: Times) -> CensoredData:
    return CensoredData(uncensored=list(times.reached), right=list(times.censored))


def _scores(first: Times, second: Times) -> np.ndarray:
    """Return the logrank score of each run of the first and then the second group.

    A score is 1 for a run that reached the target and 0 otherwise, minus the cumulative hazard of both groups at its time.
    """
    times = np.array([*first.reached, *first.censored, *second.reached, *second.censored], float)
    sizes = [len(part) for part in (first.reached, first.censored, second.reached, second.censored)]
    reached = np.repeat([1.0, 0.0, 1.0, 0.0], sizes)
    at = np.unique(times[reached == 1])
    hazards = (reached * (times == at[:, None])).sum(1) / (times >= at[:, None]).sum(1)
    return reached - (hazards[:, None] * (at[:, None] <= times)).sum(0)


def _permutation(scores: np.ndarray, size: int) -> tuple[float, float]:
    """Return the two-sided p of the sum of the first `size` scores, and its smallest attainable value."""
    observed = abs(scores[:size].sum()) - 1e-9
    assignments = math.comb(len(scores), size)
    if assignments <= MAX_ASSIGNMENTS:
        chosen = np.array(list(combinations(range(len(scores)), size)))
        symmetric = 2 * size == len(scores)  # exchanging the groups is then an assignment, with the same absolute sum
        return float((abs(scores[chosen].sum(1)) >= observed).mean()), (2 if symmetric else 1) / assignments
    shuffled = np.random.default_rng(0).permuted(np.tile(scores, (SAMPLED_ASSIGNMENTS, 1)), axis=1)
    extreme = (abs(shuffled[:, :size].sum(1)) >= observed).sum() + 1  # and the observed assignment
    return float(extreme / (SAMPLED_ASSIGNMENTS + 1)), 1 / (SAMPLED_ASSIGNMENTS + 1)
