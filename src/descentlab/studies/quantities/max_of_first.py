"""The highest value of the first steps."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import vector


def max_of_first(values: ArrayLike, k: int) -> float | None:
    """Return the largest of the first `k` values; infinite if one of them is NaN; None if there are fewer than `k`.

    Args:
        values: (n,) such as the loss at each step.
        k: at least 1.

    Raises:
        ValueError: `k` is below 1.
    """
    if k < 1:
        raise ValueError(f"the first {k} values are none")
    first = vector(values)[:k]
    if len(first) < k:
        return None
    highest = float(first.max())  # NaN if one is
    return math.inf if math.isnan(highest) else highest
