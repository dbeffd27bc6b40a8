"""Rank correlation."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from descentlab.studies.quantities.arrays import paired


def spearman(x: ArrayLike, y: ArrayLike) -> float | None:
    """Return Spearman's rank correlation in [-1, 1], Pearson's correlation of the ranks; equal values share their mean rank.

    Args:
        x: (n,) numbers; infinite ones have the first or the last rank.
        y: (n,) numbers.

    Returns:
        the correlation; None if there are fewer than three points, a number is NaN, or all x or all y are equal.

    Raises:
        ValueError: the lengths differ.
    """
    first, second = paired(x, y)
    if len(first) < 3 or np.isnan(first).any() or np.isnan(second).any():
        return None
    ranks = [rankdata(values) - (len(values) + 1) / 2 for values in (first, second)]
    scale = float(np.linalg.norm(ranks[0]) * np.linalg.norm(ranks[1]))
    return float(ranks[0] @ ranks[1]) / scale if scale > 0 else None
