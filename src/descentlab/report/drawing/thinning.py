"""Thinning: the points of a line that a plot of limited width can show.

A line keeps the least and the greatest value of each stretch, so that it looks like the line through all points. Taking every
k-th point instead would lose spikes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SELECTED_POINTS = 1000  # maximum number of points of the line of a selected series
TOTAL_POINTS = 60_000  # of all other lines of a figure together
FEWEST_POINTS, MOST_POINTS = 48, 400  # of each of the other lines


def points_of_others(lines: int) -> int:
    """Return the maximum number of points of each of `lines` lines that are not selected: fewer, the more there are."""
    return max(FEWEST_POINTS, min(MOST_POINTS, TOTAL_POINTS // max(1, lines)))


def kept_rows(y: NDArray[np.float64], points: int) -> NDArray[np.intp]:
    """Return the indices of at most `points` values of a line, ascending: the first, the last, and extremes between them.

    The line is divided into stretches of equal numbers of values; the least and the greatest value of each are kept.

    Args:
        y: the values, in the order of the line, without NaN.
        points: at least 4.
    """
    n = len(y)
    if n <= points:
        return np.arange(n)
    stretches = (points - 2) // 2
    length = -(-n // stretches)
    stretches = -(-n // length)
    padded = np.pad(y, (0, stretches * length - n), mode="edge").reshape(stretches, length)
    start = length * np.arange(stretches)
    kept = np.concatenate([[0], start + padded.argmin(axis=1), start + padded.argmax(axis=1), [n - 1]])
    return np.unique(np.minimum(kept, n - 1))
