"""Correction of p-values for several comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted by Holm's step-down method, in the given order.

    The i-th smallest of m becomes max over j <= i of min(1, (m - j + 1) p_(j)). Rejecting those at or below alpha bounds the
    probability of any false rejection by alpha, however the tests depend on each other. Source: Holm, A simple sequentially
    rejective multiple test procedure (Scandinavian Journal of Statistics 1979).

    Raises:
        ValueError: if a value is not in [0, 1] (NaN is not).
    """
    given = np.asarray(p_values, dtype=np.float64)
    if not ((given >= 0) & (given <= 1)).all():
        raise ValueError(f"p-values are in [0, 1], got {given.tolist()}")
    order = np.argsort(given, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(given[order] * np.arange(len(given), 0, -1), 1))
    adjusted = np.empty_like(given)
    adjusted[order] = stepped
    return adjusted.tolist()
