"""Nesterov's accelerated gradient (1983) in the form of Sutskever et al. 2013, eqs. 3 and 4.

Same update as torch.optim.SGD(nesterov=True). Differences from the paper: the weights are the look-ahead point w + momentum v,
at which the paper evaluates the gradient; lr is outside the velocity; momentum is constant, 0.9 by default, whereas Nesterov's
rises with the step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State


def init(param: Tensor) -> State:
    return {"momentum_buffer": torch.zeros_like(param)}


def update(
    grad: Tensor, state: State, param: Tensor, *, lr: Number = 1e-3, momentum: Number = 0.9, weight_decay: Number = 0.0
) -> tuple[Tensor, State]:
    """g <- g + weight_decay w; v <- momentum v + g; increment -lr (g + momentum v)."""
    grad = grad + weight_decay * param
    velocity = momentum * state["momentum_buffer"] + grad
    return -lr * (grad + momentum * velocity), {"momentum_buffer": velocity}
