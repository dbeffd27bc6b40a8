"""Interpolation between the weights at the ends of two runs: linear mode connectivity.

Source: Frankle, Dziugaite, Roy and Carbin (2020), "Linear mode connectivity and the lottery ticket hypothesis",
arXiv:1912.05671, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from descentlab.diagnostics.analyses.weights import Evaluate, Named, combine


@dataclass(frozen=True)
class Interpolation:
    """The loss and the metrics on the line between two points.

    Attributes:
        fractions: (n,) of the way from the first point to the second, from 0 to 1.
        metrics: name -> (n,) values.
    """

    fractions: Sequence[float]
    metrics: Mapping[str, Sequence[float]]

    def barrier(self, name: str, is_better_high: bool = False) -> float:
        """Return the height of the barrier: the highest value on the line minus the mean of the values at its ends.

        Args:
            name: the metric.
            is_better_high: True for a metric such as accuracy, of which 1 - value is the error.
        """
        values = [-value if is_better_high else value for value in self.metrics[name]]
        highest = max(values) if all(map(math.isfinite, values)) else math.inf
        return highest - (values[0] + values[-1]) / 2


def interpolate(evaluate: Evaluate, first: Named, second: Named, points: int) -> Interpolation:
    """Return the loss and the metrics at `points` equally spaced points (1 - a) first + a second, ends included.

    Buffers, such as the running statistics of batch normalization, are interpolated like weights.

    Args:
        evaluate: evaluates weights.
        first: the weights at the end of one run.
        second: those of the other, with the same names and shapes.
        points: at least 2.
    """
    fractions = [index / (points - 1) for index in range(points)]
    found = [evaluate(combine([(1 - each, first), (each, second)])) for each in fractions]
    return Interpolation(fractions, {name: [float(one[name]) for one in found] for name in found[0]})
