"""AdaGrad (Duchi et al. 2011, figure 1, diagonal).

Same update as torch.optim.Adagrad. Differences from the paper: lr_decay and coupled weight decay. eps is the paper's delta,
outside the root.
initial_accumulator_value is added at the first step.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, precise, scalar


def init(param: Tensor) -> State:
    return {"step": scalar(param), "sum": torch.zeros_like(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-2,
    lr_decay: Number = 0.0,
    weight_decay: Number = 0.0,
    initial_accumulator_value: Number = 0.0,
    eps: Number = 1e-10,
) -> tuple[Tensor, State]:
    """g <- g + weight_decay w; s <- s + g^2; increment -lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)."""
    step = state["step"] + 1
    grad = grad + weight_decay * param
    before = torch.where(step == 1, state["sum"] + initial_accumulator_value, state["sum"])
    total = before + grad.square()
    rate = lr / (1 + (precise(step) - 1) * lr_decay)
    return -rate * grad / (total.sqrt() + eps), {"step": step, "sum": total}
