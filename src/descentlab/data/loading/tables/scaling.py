"""Standardisation in float64 that stays exact for columns with large offsets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
ROUNDING = 8 * np.finfo(np.float64).eps  # a column with a smaller range, relative to its values, is constant up to rounding
HUGE = 1e150  # larger values are scaled down, since differences and squares overflow


def standardised(train: Numbers, *others: Numbers) -> tuple[list[NDArray[np.float64]], NDArray[np.float64]]:
    """Standardise columns by their mean and standard deviation in `train`.

    The first row of `train` is subtracted before squaring, so that an offset costs no precision. A column that is
    constant in `train` becomes exactly 0 in every part.

    Args:
        train: (rows, ...), at least one row.
        others: further rows of the same columns.

    Returns:
        The parts, and the standard deviations of the columns in `train`, 0 for a constant column.
    """
    top = np.abs(train).max(0)
    shrink = np.where(top > HUGE, HUGE / np.where(top > HUGE, top, 1.0), 1.0)
    parts = [part * shrink - train[0] * shrink for part in (train, *others)]
    spread = np.abs(parts[0]).max(0)
    constant = spread <= ROUNDING * top * shrink
    unit = np.where(constant, 1.0, spread)
    scaled = [part / unit for part in parts]
    mean = scaled[0].mean(0)
    deviation = np.sqrt(((scaled[0] - mean) ** 2).mean(0))
    safe = np.where(constant, 1.0, deviation)
    return [np.where(constant, 0.0, (part - mean) / safe) for part in scaled], np.where(
        constant, 0.0, deviation * unit / shrink
    )
