"""The exponent of a power law."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import paired


def log_slope(x: ArrayLike, y: ArrayLike, low: float = 0.0, high: float = np.inf) -> float | None:
    """Return the slope s of the least-squares line log y = s log x + c, the exponent of y ~ x^s.

    Args:
        x: (n,) positive numbers, such as batch sizes.
        y: (n,) values, such as steps to a target; NaN, None or infinite if a run did not reach it.
        low: points with a smaller x are left out.
        high: points with a larger x are left out.

    Returns:
        the slope; None if fewer than two different x are in the range, or if a y there is not positive and finite. Such a point
        is not left out, because the slope of the others would describe a range that is not the one stated.

    Raises:
        ValueError: the lengths differ, or an x is not positive.
    """
    first, second = paired(x, y)
    if not (first > 0).all():
        raise ValueError("an x is not positive")
    inside = (first >= low) & (first <= high)
    first, second = first[inside], second[inside]
    if len(np.unique(first)) < 2 or not (np.isfinite(second) & (second > 0)).all():
        return None
    logs = np.log(first) - np.log(first).mean()
    return float(logs @ np.log(second) / (logs @ logs))
