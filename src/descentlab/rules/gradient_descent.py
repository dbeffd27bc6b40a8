"""Gradient descent: w <- w - lr g (Cauchy 1847). With noisy gradients, SGD (Robbins and Monro 1951).

Same update as torch.optim.SGD. weight_decay is coupled (L2): its term is added to the gradient.
"""

from __future__ import annotations

from torch import Tensor

from descentlab.rules.rule import Number, State


def init(param: Tensor) -> State:  # noqa: ARG001
    return {}


def update(grad: Tensor, state: State, param: Tensor, *, lr: Number = 1e-3, weight_decay: Number = 0.0) -> tuple[Tensor, State]:
    """g <- g + weight_decay w; increment -lr g."""
    return -lr * (grad + weight_decay * param), state
