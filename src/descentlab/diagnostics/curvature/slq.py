"""Stochastic Lanczos quadrature: the distribution of the eigenvalues of a matrix (Ubaru, Chen and Saad 2017)."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from descentlab.diagnostics.curvature.lanczos import Ritz, lanczos, random_direction
from descentlab.diagnostics.curvature.operators import Operator

RESOLUTION = 0.01  # of a quadrature, relative to the largest absolute eigenvalue
LOWEST, HIGHEST = -8, 11  # the bins of a density, in half decades: from 1e-4 to 1e6


class Spectrum(NamedTuple):
    """An estimate of the eigenvalues of a matrix.

    Args:
        values: nodes of the distribution, (m,).
        weights: the fraction of the eigenvalues that each stands for, (m,); their sum is 1.
        ritz: approximations of the extreme eigenvalues.
        is_complete: True if `values` are all eigenvalues.
        resolution: absolute values below it are taken as zero: rounding if all eigenvalues are known, else 1 % of the largest
            one, since a quadrature moves the many eigenvalues near zero of a network to a node of either sign.
    """

    values: Tensor
    weights: Tensor
    ritz: Ritz
    is_complete: bool
    resolution: float

    def negative(self) -> float:
        """Return the fraction of the eigenvalues that are negative."""
        return float(self.weights[self.values < -self.resolution].sum())

    def density(self) -> dict[str, float]:
        """Return the fraction of the eigenvalues in each bin, by the centre of the bin; empty bins are left out.

        The bins of each sign are half decades from 1e-4 to 1e6, the outermost one without a bound; "0" is between -1e-4 and
        1e-4.
        """
        found: dict[str, float] = {}
        for value, weight in zip(self.values.tolist(), self.weights.tolist(), strict=True):
            name = bin_of(value)
            found[name] = found.get(name, 0.0) + weight
        return found


def spectrum(operator: Operator, steps: int, vectors: int, generator: torch.Generator) -> Spectrum:
    """Return an estimate of the eigenvalues.

    If `steps` >= n, they are all eigenvalues, from n products; else the mean of `vectors` quadratures, whose start vectors
    have random directions.

    Args:
        operator: the matrix.
        steps: products of each quadrature.
        vectors: number of quadratures.
        generator: of the vectors, on the CPU.
    """
    is_complete = steps >= operator.size
    runs = [
        lanczos(operator, random_direction(operator, generator), steps, generator).ritz()
        for _ in range(1 if is_complete else vectors)
    ]
    values = torch.cat([run.values for run in runs])
    weights = torch.full_like(values, 1 / operator.size) if is_complete else torch.cat([run.weights for run in runs]) / vectors
    share = 10 * torch.finfo(operator.like.dtype).eps if is_complete else RESOLUTION
    return Spectrum(values, weights, runs[0], is_complete, share * float(values.abs().max()))


def bin_of(value: float) -> str:
    """Return the name of the bin of an eigenvalue: the centre of the half decade, with three digits, such as "5.62e-03"."""
    if not math.isfinite(value):
        return str(value)
    place = math.floor(2 * math.log10(abs(value))) if value else LOWEST - 1
    if place < LOWEST:
        return "0"
    return f"{math.copysign(10 ** ((min(place, HIGHEST) + 0.5) / 2), value):.2e}"
