"""RAdam (Liu et al., arXiv:1908.03265, algorithm 2): Adam whose step is adaptive once its variance is finite.

Same update as torch.optim.RAdam. Differences from the paper: the step is rectified if rho_t > 5 (4 in the paper); eps is added
to sqrt(v) before the bias correction (the paper has no eps); there is a weight_decay, coupled or decoupled.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules import adam
from descentlab.rules.rule import Number, State, correction, ema, precise

init = adam.init


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    decoupled_weight_decay: bool = False,
) -> tuple[Tensor, State]:
    """m, m' and v as in Adam; increment -lr m' r sqrt(1 - b2^t) / (sqrt(v) + eps) where rho > 5, else -lr m'.

    rho = rho' - 2 t b2^t / (1 - b2^t), rho' = 2 / (1 - b2) - 1,
    r^2 = (rho - 4) (rho - 2) rho' / ((rho' - 4) (rho' - 2) rho).
    """
    step = state["step"] + 1
    coupled, decoupled = (0.0, weight_decay) if decoupled_weight_decay else (weight_decay, 0.0)
    grad = grad + coupled * param
    exp_avg = ema(state["exp_avg"], grad, betas[0])
    exp_avg_sq = ema(state["exp_avg_sq"], grad.square(), betas[1])
    unbias = correction(betas[1], step)
    longest = 2 / (1 - betas[1]) - 1
    length = longest - 2 * precise(step) * (1 - unbias) / unbias
    rectification = (length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)
    adaptive = (rectification * unbias).sqrt() / (exp_avg_sq.sqrt() + eps)  # NaN where it is not selected below
    scale = torch.where(length > 5, adaptive, 1.0)
    increment = -lr / correction(betas[0], step) * exp_avg * scale - lr * decoupled * param
    return increment, {"step": step, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}
