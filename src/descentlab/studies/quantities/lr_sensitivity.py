"""Learning-rate sensitivity over a grid of rates."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from descentlab.report.statistics.sensitivity import sensitivity
from descentlab.studies.quantities.arrays import paired, positive_rates


def lr_sensitivity(rates: ArrayLike, losses: ArrayLike, initial: float) -> float | None:
    """Return the mean over log(rate) of min(loss, initial loss) - lowest loss, in the unit of the loss.

    The mean over the range of the rates is computed by the trapezoidal rule, so that a grid whose rates are not equally spaced
    has the same sensitivity.

    Source: Wortsman et al. (2023), arXiv:2309.14322, section 2.2.

    Args:
        rates: (n,) learning rates, in any order.
        losses: (n,) the loss at the end of each run; NaN, None or infinite if it diverged, which counts as the initial loss.
        initial: the loss of the untrained model.

    Returns:
        the sensitivity, at least 0; None if there are fewer than two rates or no run converged.

    Raises:
        ValueError: the lengths differ, a rate is not positive, or two are equal.
    """
    x, y = paired(rates, losses)
    finite = [loss if math.isfinite(loss) else None for loss in y.tolist()]
    return sensitivity(dict(zip(positive_rates(x).tolist(), finite, strict=True)), "min", initial)
