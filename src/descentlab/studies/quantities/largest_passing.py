"""The largest rate of a grid at which training works."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import paired, positive_rates


class Passing(NamedTuple):
    """The largest rate that passes.

    Args:
        rate: in the unit of the rates.
        is_edge: True if no larger rate was tried, so that the true one may be larger.
    """

    rate: float
    is_edge: bool


def largest_passing(rates: ArrayLike, values: ArrayLike, below: float) -> Passing | None:
    """Return max {r : value(r) < below}, the largest rate whose value is below a bound; None if there is none.

    Smaller rates need not pass: near the limit of stability, values are not a monotone function of the rate.

    Source: Kalra and Barkeshli (2024), arXiv:2406.09405, which compares the largest rates that train.

    Args:
        rates: (n,) learning rates, in any order.
        values: (n,) the value of each, such as the loss at the end; NaN, None or infinite if the run diverged, which fails.
        below: the bound, in the unit of the values.

    Raises:
        ValueError: the lengths differ, a rate is not positive, or two are equal.
    """
    x, y = paired(rates, values)
    passing = positive_rates(x)[y < below]
    return Passing(float(passing.max()), bool(passing.max() == np.max(x))) if len(passing) else None
