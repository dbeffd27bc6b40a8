"""AdaMax (Kingma and Ba, arXiv:1412.6980, algorithm 2): Adam with the infinity norm.

Same update as torch.optim.Adamax. Differences from the paper: eps is added to |g|, where the paper divides by u alone; there is
a coupled weight_decay.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, correction, ema, scalar


def init(param: Tensor) -> State:
    return {"step": scalar(param), "exp_avg": torch.zeros_like(param), "exp_inf": torch.zeros_like(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 2e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
) -> tuple[Tensor, State]:
    """m <- b1 m + (1 - b1) g; u <- max(b2 u, |g| + eps); increment -lr / (1 - b1^t) m / u.

    Before, g <- g + weight_decay w.
    """
    step = state["step"] + 1
    grad = grad + weight_decay * param
    exp_avg = ema(state["exp_avg"], grad, betas[0])
    exp_inf = torch.maximum(betas[1] * state["exp_inf"], grad.abs() + eps)
    return -lr / correction(betas[0], step) * exp_avg / exp_inf, {"step": step, "exp_avg": exp_avg, "exp_inf": exp_inf}
