"""The rate of an exponential decay."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import paired


def decay_rate(steps: ArrayLike, values: ArrayLike) -> float | None:
    """Return the rate r of the least-squares line log y = c - r t, that of the decay y ~ exp(-r t).

    Args:
        steps: (n,) of the values.
        values: (n,).

    Returns:
        the rate per step, negative if the values grow; None if there are fewer than two different steps, or if a value is not
        positive and finite.

    Raises:
        ValueError: the lengths differ.
    """
    t, y = paired(steps, values)
    if len(np.unique(t)) < 2 or not (np.isfinite(y) & (y > 0)).all():
        return None
    centred = t - t.mean()
    return -float(centred @ np.log(y) / (centred @ centred))
