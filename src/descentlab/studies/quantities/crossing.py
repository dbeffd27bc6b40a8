"""The step at which a curve reaches a threshold."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import paired


def crossing(
    steps: ArrayLike,
    values: ArrayLike,
    threshold: float,
    direction: Literal["at_most", "at_least"] = "at_most",
    interpolate: bool = False,
) -> float | None:
    """Return the first step whose value is at most, or at least, `threshold`; None if there is none.

    Args:
        steps: (n,) ascending steps.
        values: (n,) the value at each; NaN or None where it was not measured.
        threshold: in the unit of the values.
        direction: at_most for a loss, at_least for an accuracy.
        interpolate: return the place between the last step before and this one where the line through both values reaches the
            threshold, for curves with few points. For a falling convex curve it lies at or after the crossing.

    Raises:
        ValueError: the lengths differ, or the steps do not ascend.
    """
    x, y = paired(steps, values)
    if (np.diff(x) <= 0).any():
        raise ValueError("the steps do not ascend")
    reached = np.flatnonzero(y <= threshold if direction == "at_most" else y >= threshold)
    if not len(reached):
        return None
    place = reached[0]
    if not interpolate or place == 0 or np.isnan(y[place - 1]):
        return float(x[place])
    return float(x[place] + (x[place - 1] - x[place]) * (threshold - y[place]) / (y[place - 1] - y[place]))
