"""The numbers of a step (learning rates, ...) of stacked runs, from those of each swept value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


class StackedNumbers:
    """The numbers of the runs of a grid, without an object for each run.

    A number that one axis changes has the value of that axis. A number that several axes change is assumed to be a product,
    such as a learning rate times the factor of a parameter group: `base` times the ratio of each axis.

    Args:
        base: the numbers of the base config, shape (steps, columns).
        axes: those of each value of each axis, with the base values of the other axes, shape (values, steps, columns).
    """

    def __init__(self, base: Numbers, axes: Sequence[Numbers]) -> None:
        self.constant = base.copy()
        self.factors: list[Numbers] = []
        seen = np.zeros(base.shape[1], dtype=bool)
        for axis in axes:
            changed = (axis != base).any(axis=(0, 1))
            factor = np.ones_like(axis)
            factor[..., changed & ~seen] = axis[..., changed & ~seen]
            with np.errstate(divide="ignore", invalid="ignore"):
                ratio = np.where(axis == base, 1.0, axis / base)
            factor[..., changed & seen] = ratio[..., changed & seen]
            self.constant[:, changed & ~seen] = 1.0
            seen |= changed
            self.factors.append(factor)

    def table(self, first: int, count: int, places: Sequence[NDArray[np.intp]]) -> Numbers:
        """Return the numbers at `count` steps from `first` on, shape (count, runs, columns).

        Args:
            first: the first step.
            count: the number of steps.
            places: for each axis, the indices of the values of the runs.
        """
        steps = slice(first, first + count)
        found = np.repeat(self.constant[steps, None], len(places[0]), axis=1)
        for factor, own in zip(self.factors, places, strict=True):
            found *= factor[own, steps].swapaxes(0, 1)
        return found
