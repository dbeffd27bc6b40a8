"""The difference of two curves."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import paired


def trajectory_distance(
    steps: ArrayLike, values: ArrayLike, other_steps: ArrayLike, other_values: ArrayLike, until: float = np.inf
) -> float | None:
    """Return max_t |a_t - b_t| / max(|a_t|, |b_t|) over the steps t that two curves have in common.

    Two zeros are equal. The difference is infinite where a curve is not finite.

    Args:
        steps: (n,) distinct steps of the first curve.
        values: (n,) its values a.
        other_steps: (m,) those of the second.
        other_values: (m,) its values b.
        until: later steps are left out.

    Returns:
        the largest relative difference, in [0, 2] or infinite; None if no step is common.

    Raises:
        ValueError: the lengths of a curve differ.
    """
    x, a = paired(steps, values)
    z, b = paired(other_steps, other_values)
    common, first, second = np.intersect1d(x, z, return_indices=True)
    kept = common <= until
    a, b = a[first][kept], b[second][kept]
    if not len(a):
        return None
    if not (np.isfinite(a) & np.isfinite(b)).all():
        return float("inf")
    scale = np.maximum(np.abs(a), np.abs(b))
    return float((np.abs(a - b) / np.where(scale > 0, scale, 1.0)).max())
