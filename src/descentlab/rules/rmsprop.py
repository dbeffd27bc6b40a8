"""RMSProp (Tieleman and Hinton 2012, lecture 6e); centred and with momentum by Graves, arXiv:1308.0850, eqs. 38 to 41.

Same update as torch.optim.RMSprop, except that a centred variance which rounding makes negative is clamped to 0, where torch
returns NaN. Differences from Graves: eps is outside the root, and lr is outside the momentum.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, ema


def init(param: Tensor) -> State:
    return {name: torch.zeros_like(param) for name in ("square_avg", "grad_avg", "momentum_buffer")}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-2,
    alpha: Number = 0.99,
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    momentum: Number = 0.0,
    centered: bool = False,
) -> tuple[Tensor, State]:
    """v <- alpha v + (1 - alpha) g^2; b <- momentum b + g / (sqrt(v) + eps); increment -lr b.

    Before, g <- g + weight_decay w. If centered, the square of a moving average of g is subtracted from v.
    """
    grad = grad + weight_decay * param
    square_avg = ema(state["square_avg"], grad.square(), alpha)
    grad_avg = ema(state["grad_avg"], grad, alpha) if centered else state["grad_avg"]
    variance = (square_avg - grad_avg.square()).clamp(min=0) if centered else square_avg
    velocity = momentum * state["momentum_buffer"] + grad / (variance.sqrt() + eps)
    return -lr * velocity, {"square_avg": square_avg, "grad_avg": grad_avg, "momentum_buffer": velocity}
