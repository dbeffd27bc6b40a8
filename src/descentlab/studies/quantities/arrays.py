"""Conversion of the arguments of quantities to arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def paired(x: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """Return `x` and `y` as arrays (n,) of float64; None becomes NaN.

    Raises:
        ValueError: they are not one-dimensional, or of different lengths.
    """
    first, second = vector(x), vector(y)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} values of x and {len(second)} of y")
    return first, second


def vector(values: ArrayLike) -> Array:
    """Return `values` as an array (n,) of float64; None becomes NaN.

    Raises:
        ValueError: it is not one-dimensional.
    """
    found: NDArray[Any] = np.asarray(values, dtype=np.float64)
    if found.ndim != 1:
        raise ValueError(f"an array of shape {found.shape} is not one-dimensional")
    return found


def positive_rates(rates: Array) -> Array:
    """Return `rates`.

    Raises:
        ValueError: one is not positive and finite, or two are equal.
    """
    if not (np.isfinite(rates) & (rates > 0)).all():
        raise ValueError("a rate is not positive")
    if len(np.unique(rates)) < len(rates):
        raise ValueError("two rates are equal: reduce the values over seeds first")
    return rates
