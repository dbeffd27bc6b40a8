"""AMSGrad (Reddi et al. 2018, arXiv:1904.09237, algorithm 2): Adam whose second moment never falls.

Same update as torch.optim.Adam(amsgrad=True). Differences from the paper: the maximum is that of the uncorrected second
moments, and its bias is corrected afterwards, where the paper corrects the bias of neither moment; there are eps and a coupled
(L2) weight_decay.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules import adam
from descentlab.rules.rule import Number, State, correction, ema


def init(param: Tensor) -> State:
    return {**adam.init(param), "max_exp_avg_sq": torch.zeros_like(param)}


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
    """m and v as in Adam; u <- max(u, v); increment -lr m / (1 - b1^t) / (sqrt(u / (1 - b2^t)) + eps)."""
    step = state["step"] + 1
    grad = grad + weight_decay * param
    exp_avg = ema(state["exp_avg"], grad, betas[0])
    exp_avg_sq = ema(state["exp_avg_sq"], grad.square(), betas[1])
    largest = torch.maximum(state["max_exp_avg_sq"], exp_avg_sq)
    denominator = (largest / correction(betas[1], step)).sqrt() + eps
    increment = -lr / correction(betas[0], step) * exp_avg / denominator
    return increment, {"step": step, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq, "max_exp_avg_sq": largest}
