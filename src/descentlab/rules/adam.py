"""Adam (Kingma and Ba, arXiv:1412.6980, algorithm 1).

Same update as torch.optim.Adam. Differences from the paper: weight_decay, which is coupled (L2); adamw decouples it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, correction, ema, scalar


def init(param: Tensor) -> State:
    return {"step": scalar(param), "exp_avg": torch.zeros_like(param), "exp_avg_sq": torch.zeros_like(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
) -> tuple[Tensor, State]:
    """m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2; increment -lr m' / (sqrt(v') + eps).

    Before, g <- g + weight_decay w. m' = m / (1 - b1^t), v' = v / (1 - b2^t).
    """
    step = state["step"] + 1
    grad = grad + weight_decay * param
    exp_avg = ema(state["exp_avg"], grad, betas[0])
    exp_avg_sq = ema(state["exp_avg_sq"], grad.square(), betas[1])
    denominator = (exp_avg_sq / correction(betas[1], step)).sqrt() + eps
    increment = -lr / correction(betas[0], step) * exp_avg / denominator
    return increment, {"step": step, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
