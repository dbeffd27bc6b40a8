"""Performance profiles of optimizers over problems, and AlgoPerf's score.

A performance profile (Dolan and Moré, "Benchmarking optimization software with performance profiles", Math. Program. 2002)
shows for each ratio tau the fraction of problems on which an optimizer needs at most tau times as long as the fastest one.
AlgoPerf (Dahl et al., "Benchmarking Neural Network Training Algorithms", arXiv:2306.07179) scores the normalised area below it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

MAX_RATIO = 4.0  # of AlgoPerf's score
RESAMPLES = 1_000

Limits = tuple[float, float]  # lower, upper
Times = Mapping[str, Sequence[Sequence[float]]]  # optimizer -> problem -> run -> time to target


@dataclass(frozen=True)
class Profile:
    """The performance profile of one optimizer.

    Attributes:
        ratios: values of tau, ascending from 1: those at which the fraction changes for any optimizer, and the largest one.
        fractions: the fraction of problems solved within each of `ratios`, at most 1.
        band: the pointwise limits of `fractions`, percentiles of the bootstrap.
        score: the area below the profile from ratio 1 to the largest one, divided by that range; between 0 and 1.
        score_limits: the limits of the score, percentiles of the bootstrap.
        solved: the number of problems on which the optimizer reached the target.
    """

    ratios: list[float]
    fractions: list[float]
    band: list[Limits]
    score: float
    score_limits: Limits
    solved: int


def performance_profiles(times: Times, max_ratio: float = MAX_RATIO, level: float = 0.95) -> dict[str, Profile]:
    """Return the performance profile of each optimizer, by its name.

    The time on a problem is the median over runs, as in AlgoPerf. A ratio above `max_ratio` counts as not solved within it, so
    that the score is the mean over problems of (max_ratio - ratio) / (max_ratio - 1), at least 0. A problem that no optimizer
    solves counts for none.

    The bootstrap resamples the problems and, within each, the runs of each optimizer, so that its limits describe a population
    of problems like those given. With few problems they are too narrow: the percentile bootstrap of a mean of 3 values covers
    it with a probability of about .75, of 10 values about .90.

    Args:
        times: the time to target of each run on each problem, all optimizers in one order of the problems; infinite for a run
            that did not reach the target.
        max_ratio: the largest tau, above 1.
        level: the confidence of the bands.

    Raises:
        ValueError: the optimizers have different numbers of problems, a problem has no runs, or a time is nan or not positive.
    """
    _check(times)
    medians = np.array([[np.median(runs) for runs in problems] for problems in times.values()])  # (optimizers, problems)
    if not medians.size:
        return {}
    observed = _ratios(medians[None])  # (1, optimizers, problems)
    finite = observed[np.isfinite(observed) & (observed <= max_ratio)]
    taus = np.unique([1.0, *finite, max_ratio])
    resampled = _ratios(_resample(times))
    tails = [(1 - level) / 2, (1 + level) / 2]
    fractions, bands = _fractions(observed, taus)[0], np.quantile(_fractions(resampled, taus), tails, axis=0)
    scores, score_limits = _scores(observed, max_ratio)[0], np.quantile(_scores(resampled, max_ratio), tails, axis=0)
    return {
        name: Profile(
            taus.tolist(),
            fractions[index].tolist(),
            list(zip(*bands[:, index].tolist(), strict=True)),
            float(scores[index]),
            (float(score_limits[0, index]), float(score_limits[1, index])),
            int(np.isfinite(medians[index]).sum()),
        )
        for index, name in enumerate(times)
    }


def _check(times: Times) -> None:
    if len({len(problems) for problems in times.values()}) > 1:
        raise ValueError("every optimizer needs times on every problem")
    for name, problems in times.items():
        if any(not len(runs) for runs in problems):
            raise ValueError(f"{name} has a problem without runs")
        if not all(time > 0 for runs in problems for time in runs):
            raise ValueError(f"a time of {name} is not positive")


def _ratios(medians: np.ndarray) -> np.ndarray:
    """Return times of shape (..., optimizers, problems) divided by the smallest of each problem; infinite if none is finite."""
    best = medians.min(-2, keepdims=True)
    return np.where(np.isfinite(medians), medians, np.inf) / np.where(np.isfinite(best), best, 1.0)


def _fractions(ratios: np.ndarray, taus: np.ndarray) -> np.ndarray:
    """Return the fraction of problems with a ratio of at most each tau, of shape (..., optimizers, taus)."""
    *shape, problems = ratios.shape
    bins = len(taus) + 1  # the last one for ratios above all taus
    index = np.searchsorted(taus * (1 + 1e-12), ratios.reshape(-1, problems))
    rows = np.arange(len(index))[:, None] * bins
    counts = np.bincount((rows + index).ravel(), minlength=len(index) * bins).reshape(*shape, bins)
    return counts[..., :-1].cumsum(-1) / problems


def _scores(ratios: np.ndarray, max_ratio: float) -> np.ndarray:
    return ((max_ratio - np.minimum(ratios, max_ratio)) / (max_ratio - 1)).mean(-1)


def _resample(times: Times) -> np.ndarray:
    """Return medians over resampled runs on resampled problems, of shape (RESAMPLES, optimizers, problems)."""
    generator = np.random.default_rng(0)
    medians = np.array([[_medians(runs, generator) for runs in problems] for problems in times.values()])
    chosen = generator.integers(medians.shape[1], size=(RESAMPLES, medians.shape[1]))  # problems, the same for all optimizers
    return np.moveaxis(medians, 2, 0)[np.arange(RESAMPLES)[:, None], :, chosen].swapaxes(1, 2)


def _medians(runs: Sequence[float], generator: np.random.Generator) -> np.ndarray:
    """Return the medians of resampled runs, of shape (RESAMPLES,)."""
    values = np.asarray(runs, dtype=float)
    return np.median(values[generator.integers(len(values), size=(RESAMPLES, len(values)))], axis=1)
