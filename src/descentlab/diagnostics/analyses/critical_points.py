"""Critical points of the loss near given weights, and the fraction of directions in which the loss curves downwards there.

Source: Dauphin et al. (2014), "Identifying and attacking the saddle point problem", arXiv:1406.2572, section 3: they plot the
fraction of negative eigenvalues of critical points over their error.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import grad, vjp, vmap

Loss = Callable[[Tensor], Tensor]  # weights (n,) -> loss, a scalar that torch.func differentiates twice
NEGATIVE = 1e-6  # an eigenvalue is negative if it is below minus this fraction of the largest absolute one
SINGULAR = 1e-12  # directions whose absolute eigenvalue is below this fraction of the largest one are left as they are


@dataclass(frozen=True)
class CriticalPoint:
    """The point at which a search for a critical point ended.

    Attributes:
        weights: (n,).
        loss: at these weights.
        gradient_norm: of the loss there.
        index: the fraction of the eigenvalues of the Hessian that are negative; 0 at a minimum.
        steps: that the search took.
        is_critical: True if the norm of the gradient is at most the tolerance.
    """

    weights: Tensor
    loss: float
    gradient_norm: float
    index: float
    steps: int
    is_critical: bool


def refine(loss: Loss, start: Tensor, tolerance: float = 1e-8, max_steps: int = 300, max_length: float = 1.0) -> CriticalPoint:
    """Return the critical point that Newton's method finds from `start`: w <- w - H^+ g, for saddles and minima alike.

    g is the gradient and H^+ the pseudo-inverse of the Hessian. A longer step than `max_length` is shortened to it. The norm of
    the gradient may increase: searches that only reduce it end in flat regions, which are no critical points (Frye et al. 2020,
    arXiv:2003.10397). A search ends early where the Hessian is not finite. A step costs n gradients and n^3 operations.

    Args:
        loss: a function of the weights.
        start: (n,) in float64.
        tolerance: of the norm of the gradient.
        max_steps: the largest number of steps.
        max_length: the largest Euclidean length of a step.
    """
    weights = start.detach()
    values, norm, step = weights.new_full((1,), torch.nan), math.inf, 0
    for step in range(max_steps + 1):
        slope, curvature = grad(loss)(weights), hessian(loss, weights)
        norm = float(slope.norm())
        if not bool(curvature.isfinite().all()):
            break
        values, vectors = torch.linalg.eigh(curvature)
        if norm <= tolerance or step == max_steps:
            break
        inverse = torch.where(values.abs() > SINGULAR * values.abs().max(), 1 / values, 0.0)
        move = -vectors @ (inverse * (vectors.mT @ slope))
        weights = weights + move * (max_length / move.norm()).clamp(max=1.0)
    index = float((values < -NEGATIVE * values.abs().max()).double().mean())
    return CriticalPoint(weights, float(loss(weights)), norm, index, step, norm <= tolerance)


def hessian(loss: Loss, weights: Tensor) -> Tensor:
    """Return the Hessian of `loss` at `weights`, (n, n), by n backward passes through the gradient."""
    pullback = vjp(grad(loss), weights)[1]
    found = vmap(lambda row: pullback(row)[0])(torch.eye(len(weights), dtype=weights.dtype))
    return (found + found.mT).detach() / 2
