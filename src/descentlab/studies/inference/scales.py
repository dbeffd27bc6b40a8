"""Scales on which the mean of an effect and its interval are computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from descentlab.studies.inference.bounds import Bound


@dataclass(frozen=True)
class Scale:
    """An increasing transformation and its inverse.

    Args:
        forward: maps a value to the scale; NaN where it is undefined.
        back: its inverse.
    """

    forward: Callable[[float], float]
    back: Callable[[float], float]

    def bound(self, bound: Bound) -> Bound:
        """Return `bound` on the scale; an end that no value can violate becomes infinite."""
        low, high = (self.forward(end) for end in (bound.low, bound.high))
        return Bound(-math.inf if math.isnan(low) else low, math.inf if math.isnan(high) else high, bound.text, bound.strict)


def _log(value: float) -> float:
    return math.log(value) if value > 0 else (-math.inf if value == 0 else math.nan)


def _exp(value: float) -> float:
    return math.exp(value) if value < 709 else math.inf


def _atanh(value: float) -> float:
    if abs(value) >= 1:
        return math.copysign(math.inf, value)
    return math.atanh(value)


LINEAR = Scale(float, float)
LOG = Scale(_log, _exp)
FISHER = Scale(_atanh, math.tanh)  # of correlations
SCALES = {"linear": LINEAR, "log": LOG}
