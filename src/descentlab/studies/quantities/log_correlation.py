"""Correlation of two quantities on logarithmic scales."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import paired


def log_correlation(x: ArrayLike, y: ArrayLike) -> float | None:
    """Return Pearson's correlation of log x and log y in [-1, 1], for instance of measured and predicted values.

    Args:
        x: (n,) numbers.
        y: (n,) numbers.

    Returns:
        the correlation; None if there are fewer than three points, a number is not positive and finite, or all x or all y are
        equal.

    Raises:
        ValueError: the lengths differ.
    """
    first, second = paired(x, y)
    valid = np.isfinite(first) & np.isfinite(second) & (first > 0) & (second > 0)
    if len(first) < 3 or not valid.all() or len(np.unique(first)) == 1 or len(np.unique(second)) == 1:
        return None
    a, b = (np.log(values) - np.log(values).mean() for values in (first, second))
    return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
