"""The gradient by finite differences, the reference for every other computation of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor


def numerical_gradient(
    loss: Callable[[list[Tensor]], Tensor], weights: Sequence[Tensor], spacing: float = 1e-6
) -> list[Tensor]:
    """Return the gradient of `loss` at `weights` by central differences, float64, in the shapes of `weights`.

    (loss(w + h) - loss(w - h)) / 2h for one weight at a time, with two calls of `loss` per weight. The error is O(h^2) of the
    formula plus O(eps / h) of rounding (Nocedal and Wright, Numerical Optimization, 2006, eq. 8.7).

    Args:
        loss: weights -> scalar.
        spacing: h.
    """
    moved = [weight.detach().to(torch.float64, copy=True).contiguous() for weight in weights]
    grads = [torch.zeros_like(weight) for weight in moved]
    for weight, grad in zip(moved, grads, strict=True):
        flat, slopes = weight.view(-1), grad.view(-1)  # views: `loss` reads the values assigned here
        for index, here in enumerate(flat.tolist()):
            flat[index] = here + spacing
            above = float(loss(moved))
            flat[index] = here - spacing
            slopes[index] = (above - float(loss(moved))) / (2 * spacing)
            flat[index] = here
    return grads
