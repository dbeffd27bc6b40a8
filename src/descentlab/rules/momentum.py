"""The heavy ball (Polyak 1964), in the form of Sutskever et al. 2013, eqs. 1 and 2.

Same update as torch.optim.SGD(momentum=...). Differences from the paper: lr is outside the velocity, so that a new lr
immediately scales all of it; dampening, which is in no paper, scales every gradient but the first. The default of momentum is
0.9, whereas it is 0 in torch.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, scalar


def init(param: Tensor) -> State:
    return {"step": scalar(param), "momentum_buffer": torch.zeros_like(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-3,
    momentum: Number = 0.9,
    dampening: Number = 0.0,
    weight_decay: Number = 0.0,
) -> tuple[Tensor, State]:
    """g <- g + weight_decay w; v <- momentum v + (1 - dampening) g; increment -lr v."""
    step = state["step"] + 1
    grad = grad + weight_decay * param
    velocity = momentum * state["momentum_buffer"] + torch.where(step == 1, grad, (1 - dampening) * grad)
    return -lr * velocity, {"step": step, "momentum_buffer": velocity}
