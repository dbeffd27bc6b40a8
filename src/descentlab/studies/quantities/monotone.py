"""How far a sequence is from being monotone."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import vector


def monotone(values: ArrayLike, direction: Literal["falling", "rising"] = "falling") -> float | None:
    """Return the largest step against `direction`: max(0, max_t (y_{t+1} - y_t)) for a falling sequence.

    It is 0 if and only if the sequence is monotone, in the unit of the values, and infinite if a value is NaN.

    Args:
        values: (n,) such as the loss at each step.
        direction: in which the values should go; equal neighbours are allowed.

    Returns:
        the largest step; None if there are fewer than two values.
    """
    y = vector(values)
    if len(y) < 2:
        return None
    if np.isnan(y).any():
        return float("inf")
    with np.errstate(invalid="ignore"):
        change = np.nan_to_num(np.diff(y), nan=0.0, posinf=np.inf, neginf=-np.inf)  # inf - inf: they are equal
    return float(max(0.0, change.max() if direction == "falling" else -change.min()))
