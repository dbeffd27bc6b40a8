"""The expected result of a search with a smaller number of trials."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import vector


def expected_best_of(values: ArrayLike, k: int, mode: Literal["min", "max"] = "min") -> float:
    """Return the expected best of `k` of the n trials, drawn without replacement.

    With the values sorted from the best, x_1 .. x_n, it is the sum over i of x_i C(n - i, k - 1) / C(n, k): the best of the
    draw is x_i if the other k - 1 are among the n - i worse ones. It is an unbiased estimate for independent trials. The
    tuning curve of the report draws with replacement (Dodge et al., EMNLP 2019) instead, which is biased for k close to n.

    Source: Tang et al. (2020), "Showing Your Work Doesn't Always Work", arXiv:2004.13705, eq. 6.

    Args:
        values: (n,) the value of each trial; NaN, None or infinite if it diverged, which is the worst.
        k: from 1 to n.
        mode: whether the smallest or the largest value is the best.

    Returns:
        the expected best; infinite (mode max: minus infinity) if all trials of a draw may have diverged.

    Raises:
        ValueError: `k` is not in 1 .. n.
    """
    y = vector(values)
    n = len(y)
    if not 1 <= k <= n:
        raise ValueError(f"the best of {k} of {n} trials is not defined")
    losses = np.sort(np.where(np.isnan(y), np.inf, y if mode == "min" else -y))
    chances = [math.comb(n - i, k - 1) / math.comb(n, k) for i in range(1, n + 1)]
    best = sum(chance * float(loss) for chance, loss in zip(chances, losses, strict=True) if chance > 0)
    return best if mode == "min" else -best
