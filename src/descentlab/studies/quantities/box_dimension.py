"""The box-counting dimension of the boundary between two kinds of points of a grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Mask = NDArray[np.bool_]


def box_dimension(mask: ArrayLike, smallest_count: int = 8) -> float | None:
    """Return the box-counting dimension of the boundary of `mask`; None if there is no boundary.

    It is the slope of the least-squares line of log N(s) over log(1 / s), where N(s) is the number of boxes of s x s points
    that contain a point of the boundary, for s = 1, 2, 4, .... A smooth curve has 1, a set that fills the plane has 2. On a
    finite grid the estimate is too low for a set that misses single points only: 1.92 for random points.

    Source: Falconer, Fractal Geometry, 3rd edition, section 2.1; Sohl-Dickstein (2024), arXiv:2402.06184.

    Args:
        mask: (rows, columns) booleans, such as whether the run at this pair of learning rates converged.
        smallest_count: boxes are not larger than the shorter side divided by this number.

    Raises:
        ValueError: `mask` is not two-dimensional, or too small for two sizes of boxes.
    """
    edge = boundary(mask)
    largest = min(edge.shape) // smallest_count
    if largest < 2:
        raise ValueError(f"a grid of {edge.shape[0]} x {edge.shape[1]} points is too small for a box dimension")
    if not edge.any():
        return None
    sizes = 2 ** np.arange(int(np.log2(largest)) + 1)
    counts = [_boxes(edge, int(size)) for size in sizes]
    return float(np.polyfit(-np.log(sizes), np.log(counts), 1)[0])


def boundary(mask: ArrayLike) -> Mask:
    """Return, (rows, columns), the points of `mask` that differ from the next point of the same column or of the same row.

    Raises:
        ValueError: `mask` is not two-dimensional.
    """
    inside = np.asarray(mask, dtype=bool)
    if inside.ndim != 2:
        raise ValueError(f"a grid of shape {inside.shape} is not two-dimensional")
    edge = np.zeros_like(inside)
    edge[:-1] |= inside[:-1] != inside[1:]
    edge[:, :-1] |= inside[:, :-1] != inside[:, 1:]
    return edge


def _boxes(edge: Mask, size: int) -> int:
    """Return the number of boxes of `size` x `size` points with a point of `edge`; those at the last sides may be smaller."""
    rows, columns = (-(-length // size) * size for length in edge.shape)
    padded = np.zeros((rows, columns), dtype=bool)
    padded[: edge.shape[0], : edge.shape[1]] = edge
    return int(padded.reshape(rows // size, size, columns // size, size).any(axis=(1, 3)).sum())
