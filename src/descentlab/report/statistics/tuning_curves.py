"""Tuning curves: the best validation value of k trials as a function of k, with simultaneous confidence bands.

A tuning curve shows what an optimizer reaches with each tuning budget (Dodge et al., "Show Your Work", EMNLP 2019). The bands
are those of opda (Lourie, Cho and He, "Show Your Work with Confidence", NAACL 2024, arXiv:2311.09480): they contain the whole
curve with the given probability if the trials are independent draws from the search space. Points of a grid or of a Sobol or
Halton sequence fill the space more evenly, so that the bands are too wide rather than too narrow. Trials that a model-based
sampler proposed are not independent: show `best_so_far` instead.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import Literal

import numpy as np
from opda.nonparametric import EmpiricalDistribution

MAX_EXACT = 64  # trials; the simulation that finds the critical value of opda's tighter bands takes .8 s for this number

Mode = Literal["max", "min"]
Statistic = Literal["median", "expected"]
Band = Literal["equal_tailed", "highest_density"]


@dataclass(frozen=True)
class TuningCurve:
    """The best value of k trials, for k = 1 .. n.

    Attributes:
        statistic: the curve is the median, or the expected value, of the best of k trials.
        best: its estimate for each k, from the empirical distribution of the trials.
        low: the lower limits of the simultaneous band; infinite where the metric has no bound and the trials give none.
        high: the upper limits.
        level: the confidence of the band.
        failed: the number of trials without a value, which count as the worst.
    """

    statistic: Statistic
    best: list[float]
    low: list[float]
    high: list[float]
    level: float
    failed: int

    @property
    def trials(self) -> int:
        """The number n of trials."""
        return len(self.best)


def tuning_curve(
    values: Sequence[float | None],
    mode: Mode,
    statistic: Statistic = "median",
    low: float = -math.inf,
    high: float = math.inf,
    level: float = 0.95,
    band: Band = "equal_tailed",
) -> TuningCurve | None:
    """Return the tuning curve of an optimizer.

    The median needs no bounds and is not affected by the size of failures. The expected value is that of Dodge et al., with
    infinite limits on each side on which the metric is not bounded.

    With F the distribution of a trial's value, the median of the best of k is the quantile 2^(-1/k) of F for a metric that is
    maximized, so that a band of F gives a band of the curve. Up to 64 trials the band of F is Learned-Miller and DeStefano's,
    above it that of Kolmogorov and Smirnov. Both have exact coverage for continuous F. With ties, for instance
    of failed trials, they cover at least as often, because the values are then a monotone function of continuous ones, and are
    narrower than the band of the Dvoretzky-Kiefer-Wolfowitz inequality.

    Args:
        values: the validation value of each trial; None if it diverged or failed.
        mode: whether the metric is maximized or minimized.
        statistic: see above.
        low: the smallest possible value of the metric.
        high: its largest possible value.
        level: the confidence of the band.
        band: the intervals that Learned-Miller and DeStefano's band is made of. "highest_density", opda's default, is slightly
            narrower at the largest numbers of trials, and takes 1 s for 16 trials and 3 s for 48.

    Returns:
        None if no trial has a value.

    Raises:
        ValueError: a value is nan or outside of the bounds.
    """
    known = [value for value in values if value is not None]
    if not known:
        return None
    if not all(low <= value <= high for value in known):
        raise ValueError(f"a value is not between {low:g} and {high:g}")
    worst = low if mode == "max" else high
    numbers = np.array([worst if value is None else value for value in values], dtype=float)
    with warnings.catch_warnings():  # opda warns about ties
        warnings.simplefilter("ignore", RuntimeWarning)
        bands = EmpiricalDistribution.confidence_bands(
            numbers,
            level,
            low,
            high,
            generator=_generator(len(numbers), level),
            method=f"ld_{band}" if len(numbers) <= MAX_EXACT else "ks",
            n_jobs=1,
        )
    # The lower band of the distribution function is that of larger values.
    upper, best, lower = (_curve(each, len(numbers), mode, statistic) for each in bands)
    return TuningCurve(statistic, best, lower, upper, level, len(values) - len(known))


@cache
def _generator(n: int, level: float) -> np.random.Generator:
    """Return the generator of the simulation for `n` trials: opda caches the critical value by generator."""
    return np.random.default_rng([n, round(1000 * level)])


def _curve(distribution: EmpiricalDistribution, n: int, mode: Mode, statistic: Statistic) -> list[float]:
    trials = np.arange(1, n + 1)
    if statistic == "median":
        return distribution.quantile_tuning_curve(trials, minimize=mode == "min").tolist()
    return distribution.average_tuning_curve(trials, minimize=mode == "min").tolist()


def best_so_far(values: Sequence[float | None], mode: Mode) -> list[float | None]:
    """Return the best value of the first k trials, for each k; None while none has a value."""

    def better(first: float | None, second: float | None) -> float | None:
        known = [value for value in (first, second) if value is not None]
        return (max(known) if mode == "max" else min(known)) if known else None

    return list(accumulate(values, better))
