"""The bound on the loss of the last iterate of stochastic subgradient descent."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from descentlab.studies.quantities.arrays import vector


@dataclass(frozen=True)
class Bound:
    """A / rate + B rate, the bound as a function of the factor of all learning rates.

    Attributes:
        distance: A, the part that a larger rate reduces.
        noise: B, the part that it increases.
    """

    distance: float
    noise: float

    @property
    def best_rate(self) -> float:
        """The rate with the smallest bound, sqrt(A / B)."""
        return math.sqrt(self.distance / self.noise)

    @property
    def best(self) -> float:
        """The smallest bound, 2 sqrt(A B)."""
        return 2 * math.sqrt(self.distance * self.noise)

    def at(self, rate: float) -> float:
        """Return the bound at a rate, which is positive."""
        return self.distance / rate + self.noise * rate


def last_iterate_bound(multipliers: ArrayLike, distance: float = 1.0, gradient: float = 1.0) -> Bound:
    """Return the bound on E f(x_T) - f(x*) of x_{t+1} = x_t - rate eta_t g_t, for convex f, t = 1 .. T.

    A = D^2 / (2 S_1) and B = G^2 / 2 (Q_1 / S_1 + sum over k < T of eta_k Q_k / (S_{k+1} S_k)), where S_k is the sum of eta_t
    and Q_k that of eta_t^2 over t = k .. T.

    Source: Schaipp et al. (2025), arXiv:2501.18965, theorem 1; Defazio et al. (2023), arXiv:2310.07831, theorem 10.

    Args:
        multipliers: (T,) eta, the schedule without its rate; positive.
        distance: D = |x_1 - x*|.
        gradient: G, a bound on the norms of the subgradients, sqrt(E |g_t|^2) <= G.

    Raises:
        ValueError: there is no multiplier, or one is not positive.
    """
    eta = vector(multipliers)
    if not len(eta) or not (eta > 0).all():
        raise ValueError("a multiplier of the schedule is not positive")
    sums, squares = np.cumsum(eta[::-1])[::-1], np.cumsum(eta[::-1] ** 2)[::-1]  # S_k, Q_k
    last = float((eta[:-1] * squares[:-1] / (sums[1:] * sums[:-1])).sum())
    return Bound(distance**2 / (2 * float(sums[0])), gradient**2 / 2 * (float(squares[0] / sums[0]) + last))
