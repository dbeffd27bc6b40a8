"""The trace of a matrix from its products with random vectors (Hutchinson 1990)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from descentlab.diagnostics.curvature.operators import Operator


class Estimate(NamedTuple):
    """A mean over samples, and its standard error."""

    mean: float
    error: float


def trace(operator: Operator, samples: int, generator: torch.Generator) -> Estimate:
    """Return the mean of v' A v over vectors v of independent signs, whose expectation is the trace of A.

    Args:
        operator: the matrix A.
        samples: number of vectors and products; with a single one the standard error is NaN.
        generator: of the signs, on the CPU.
    """
    values: list[float] = []
    for _ in range(samples):
        signs = torch.randint(0, 2, (operator.size,), generator=generator).to(operator.like) * 2 - 1
        values.append(float(signs @ operator.product(signs)))
    mean = sum(values) / samples
    if samples == 1:
        return Estimate(mean, math.nan)
    variance = sum((value - mean) ** 2 for value in values) / (samples - 1)
    return Estimate(mean, math.sqrt(variance / samples))
