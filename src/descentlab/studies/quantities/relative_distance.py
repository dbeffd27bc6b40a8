"""The distance of two vectors of weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import paired


def relative_distance(a: ArrayLike, b: ArrayLike, origin: ArrayLike | None = None) -> float | None:
    """Return |a - b| / |a - origin| in Euclidean norms, the distance relative to the way of the first from the origin.

    Source: Wang et al. (2023), arXiv:2307.15196, compares SGD with and without momentum by their weights.

    Args:
        a: (n,) the weights at the end of a run.
        b: (n,) those of another run.
        origin: (n,) the common initial weights; None: 0, so that the distance is relative to the norm of `a`.

    Returns:
        the relative distance; infinite if a weight is not finite; None if `a` is the origin.

    Raises:
        ValueError: the lengths differ.
    """
    first, second = paired(a, b)
    start = np.zeros_like(first) if origin is None else paired(a, origin)[1]
    if not (np.isfinite(first) & np.isfinite(second)).all():
        return float("inf")
    way = float(np.linalg.norm(first - start))
    return float(np.linalg.norm(first - second)) / way if way > 0 else None
