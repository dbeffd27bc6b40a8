"""NAdam (Dozat 2016, algorithm 2): Adam with Nesterov's momentum.

Same update as torch.optim.NAdam. Differences from the paper: the gradient is averaged with a constant b1, and only the weights
of the two parts of the step follow the scheduled momentum mu_t; the paper also averages with mu_t. The schedule of mu_t is
that of Dozat, after Sutskever et al. 2013.
"""

from __future__ import annotations

from torch import Tensor

from descentlab.rules import adam
from descentlab.rules.rule import Number, State, correction, ema, precise, scalar


def init(param: Tensor) -> State:
    return {**adam.init(param), "mu_product": scalar(param, 1.0)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 2e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    momentum_decay: Number = 4e-3,
    decoupled_weight_decay: bool = False,
) -> tuple[Tensor, State]:
    """m, v and v' as in Adam; increment -lr ((1 - mu_t) g / (1 - p_t) + mu_{t+1} m / (1 - p_{t+1})) / (sqrt(v') + eps).

    mu_t = b1 (1 - 0.96^(t momentum_decay) / 2), p_t = mu_1 ... mu_t. weight_decay: coupled, or decoupled (- lr weight_decay w).
    """
    step = state["step"] + 1
    coupled, decoupled = (0.0, weight_decay) if decoupled_weight_decay else (weight_decay, 0.0)
    grad = grad + coupled * param
    mu, mu_next = (betas[0] * (1 - 0.5 * 0.96 ** (t * momentum_decay)) for t in (precise(step), precise(step) + 1))
    product = (state["mu_product"] * mu).float()
    exp_avg = ema(state["exp_avg"], grad, betas[0])
    exp_avg_sq = ema(state["exp_avg_sq"], grad.square(), betas[1])
    denominator = (exp_avg_sq / correction(betas[1], step)).sqrt() + eps
    ahead = (1 - mu) / (1 - precise(product)) * grad + mu_next / (1 - precise(product) * mu_next) * exp_avg
    increment = -lr * ahead / denominator - lr * decoupled * param
    return increment, {"step": step, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq, "mu_product": product}
