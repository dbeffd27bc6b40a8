"""AdaDelta (Zeiler, arXiv:1212.5701, algorithm 1).

Same update as torch.optim.Adadelta. Differences from the paper: a learning rate lr (1 in the paper) and coupled weight decay.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, ema


def init(param: Tensor) -> State:
    return {"square_avg": torch.zeros_like(param), "acc_delta": torch.zeros_like(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1.0,
    rho: Number = 0.9,
    eps: Number = 1e-6,
    weight_decay: Number = 0.0,
) -> tuple[Tensor, State]:
    """v <- rho v + (1 - rho) g^2; d = sqrt(u + eps) / sqrt(v + eps) g; u <- rho u + (1 - rho) d^2; increment -lr d.

    Before, g <- g + weight_decay w.
    """
    grad = grad + weight_decay * param
    square_avg = ema(state["square_avg"], grad.square(), rho)
    delta = (state["acc_delta"] + eps).sqrt() / (square_avg + eps).sqrt() * grad
    return -lr * delta, {"square_avg": square_avg, "acc_delta": ema(state["acc_delta"], delta.square(), rho)}
