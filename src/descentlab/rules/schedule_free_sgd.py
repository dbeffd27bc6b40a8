"""Schedule-free SGD (Defazio et al., arXiv:2405.15682, eqs. 3 to 5).

    y = (1 - momentum) z + momentum x;  z <- z - lr g(y);  x <- (1 - c) x + c z

Same update as SGDScheduleFree of the package schedulefree: the training weights are y, the state holds z, and the evaluation
weights x are computed from both, so that momentum must not be 0. c_t = a_t / (a_1 + ... + a_t) with
a_t = t^r lr_max^weight_lr_power; in the paper's experiments r = 0 and the power is 2. lr_max is the largest lr so far; lr
rises linearly over warmup_steps.
weight_decay is coupled, at y.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, precise, scalar


def init(param: Tensor) -> State:
    """Return the initial state, in which z = y = x."""
    return {"z": param.detach().clone(), **init_average(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1.0,
    momentum: Number = 0.9,
    weight_decay: Number = 0.0,
    warmup_steps: Number = 0,
    r: Number = 0.0,
    weight_lr_power: Number = 2.0,
) -> tuple[Tensor, State]:
    """g <- g + weight_decay y; increment c (z - y) - lr (1 - momentum (1 - c)) g; z <- z - lr g."""
    lr, c, average = average_weight(state, lr, warmup_steps, r, weight_lr_power)
    grad = grad + weight_decay * param
    increment = c * (state["z"] - param) - lr * (1 - momentum * (1 - c)) * grad
    return increment, {"z": state["z"] - lr * grad, **average}


def evaluate(state: State, param: Tensor, *, momentum: Number = 0.9, **_: Any) -> Tensor:
    """x = y + (1 - 1 / momentum) (z - y)."""
    return param + (1 - 1 / momentum) * (state["z"] - param)


def init_average(param: Tensor) -> State:
    """Return the scalars of the state of `average_weight`, all 0."""
    return {name: scalar(param) for name in ("step", "lr_max", "weight_sum")}


def average_weight(
    state: State, lr: Number, warmup_steps: Number, r: Number, weight_lr_power: Number
) -> tuple[Tensor, Tensor, State]:
    """Return lr and c of this step, and the new scalars of the state."""
    step = state["step"] + 1
    lr = lr * (precise(step) / warmup_steps).clamp(max=1.0)  # without warm-up, step / 0 is infinite
    lr_max = torch.maximum(precise(state["lr_max"]), lr)
    weight = precise(step) ** r * lr_max**weight_lr_power
    weight_sum = precise(state["weight_sum"]) + weight
    c = torch.where(weight_sum > 0, weight / weight_sum, 0.0)  # the sum is 0 while lr is
    return lr, c, {"step": step, "lr_max": lr_max.float(), "weight_sum": weight_sum.float()}
