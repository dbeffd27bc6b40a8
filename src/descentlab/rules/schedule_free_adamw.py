"""Schedule-free AdamW (Defazio et al., arXiv:2405.15682, algorithm 1): schedule_free_sgd with Adam's second moment.

Same update as AdamWScheduleFree of the package schedulefree. Differences from the paper: the bias of v is corrected; the paper
scales lr by sqrt(1 - b2^t) instead, and thereby weight decay and the weights of the average (as the package's
AdamWScheduleFreePaper). b1 takes the role of momentum;
there is no first moment. weight_decay is decoupled, at y.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from descentlab.rules import schedule_free_sgd
from descentlab.rules.rule import Number, State, correction, ema
from descentlab.rules.schedule_free_sgd import average_weight


def init(param: Tensor) -> State:
    return {**schedule_free_sgd.init(param), "exp_avg_sq": torch.zeros_like(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 2.5e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 0.0,
    warmup_steps: Number = 0,
    r: Number = 0.0,
    weight_lr_power: Number = 2.0,
) -> tuple[Tensor, State]:
    """v and v' as in Adam; d = g / (sqrt(v') + eps) + weight_decay y; increment c (z - y) - lr (1 - b1 (1 - c)) d.

    z <- z - lr d.
    """
    lr, c, average = average_weight(state, lr, warmup_steps, r, weight_lr_power)
    exp_avg_sq = ema(state["exp_avg_sq"], grad.square(), betas[1])
    direction = grad / ((exp_avg_sq / correction(betas[1], average["step"])).sqrt() + eps) + weight_decay * param
    increment = c * (state["z"] - param) - lr * (1 - betas[0] * (1 - c)) * direction
    return increment, {"z": state["z"] - lr * direction, "exp_avg_sq": exp_avg_sq, **average}


def evaluate(state: State, param: Tensor, *, betas: tuple[Number, Number] = (0.9, 0.999), **_: Any) -> Tensor:
    """x = y + (1 - 1 / b1) (z - y)."""
    return schedule_free_sgd.evaluate(state, param, momentum=betas[0])
