"""The noisy quadratic law of random search: effective number of hyperparameters, best reachable score, noise.

Close to its optimum the loss is a quadratic function of the hyperparameters plus noise of the seeds, so that the tail of the
distribution of random search's scores has four parameters (Lourie, He and Cho, "Hyperparameter Loss Surfaces Are Simple Near
their Optima", COLM 2025, arXiv:2510.02721).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from descentlab.report.statistics.tuning_curves import Mode

MIN_TRIALS = 12


@dataclass(frozen=True)
class QuadraticLaw:
    """A fitted noisy quadratic distribution.

    Attributes:
        hyperparameters: the effective number of hyperparameters: how many of them matter near the optimum.
        best: the mean score at the optimum, the best one that further tuning can reach.
        noise: the standard deviation of the noise of a score.
        fitted: the number of trials in the fitted tail.
    """

    hyperparameters: int
    best: float
    noise: float
    fitted: int


def fit_quadratic_law(values: Sequence[float | None], mode: Mode, fraction: float = 0.5) -> QuadraticLaw | None:
    """Return the noisy quadratic distribution fitted to the best trials. A fit takes seconds.

    The fit is opda's (maximum spacing). It is a point estimate without an interval, and is unreliable for fewer than about 100
    trials.

    Args:
        values: the validation value of each trial; None if it diverged or failed.
        mode: whether the metric is maximized or minimized.
        fraction: the part of the trials that the law is fitted to, the best ones: it holds near the optimum only.

    Returns:
        None if fewer than 12 trials have a value, or if the values in the fitted part are all equal.
    """
    from opda.parametric import NoisyQuadraticDistribution  # used on request only

    known = np.array([value for value in values if value is not None], dtype=float)
    if len(known) < MIN_TRIALS:
        return None
    worst = known.max() if mode == "min" else known.min()
    numbers = np.concatenate([known, np.full(len(values) - len(known), worst)])
    threshold = float(np.quantile(numbers, fraction if mode == "min" else 1 - fraction))
    tail = numbers[numbers <= threshold] if mode == "min" else numbers[numbers > threshold]
    if len(np.unique(tail)) < 2:
        return None
    law = NoisyQuadraticDistribution.fit(
        numbers,
        limits=(-math.inf, threshold) if mode == "min" else (threshold, math.inf),
        constraints={"convex": mode == "min"},
        generator=np.random.default_rng(0),
    )
    return QuadraticLaw(int(law.c), float(law.a if mode == "min" else law.b), float(law.o), len(tail))
