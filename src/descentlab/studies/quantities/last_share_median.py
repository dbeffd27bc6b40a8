"""The value at which a curve settles."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import paired


def last_share_median(steps: ArrayLike, values: ArrayLike, share: float = 1 / 3) -> float | None:
    """Return the median of the values at the steps after (1 - share) times the last step.

    Args:
        steps: (n,) steps at which the value was measured, in any order.
        values: (n,) the values; NaN or None where it is undefined.
        share: of the steps that count, in (0, 1].

    Returns:
        the median; None if no value was measured there or one of them is undefined.

    Raises:
        ValueError: the lengths differ, or `share` is not in (0, 1].
    """
    x, y = paired(steps, values)
    if not 0 < share <= 1:
        raise ValueError(f"the share {share:g} is not in (0, 1]")
    last = y[x > (1 - share) * x.max()] if len(x) else y
    return None if not len(last) or np.isnan(last).any() else float(np.median(last))
