"""Lion (Chen et al., arXiv:2302.06675, algorithm 2): the sign of an interpolation between momentum and gradient.

Same update as in the paper, which recommends an lr 3 to 10 times lower than that of AdamW, and a weight_decay higher by the
same factor.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, ema


def init(param: Tensor) -> State:
    return {"exp_avg": torch.zeros_like(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-4,
    betas: tuple[Number, Number] = (0.9, 0.99),
    weight_decay: Number = 0.0,
) -> tuple[Tensor, State]:
    """c = b1 m + (1 - b1) g; m <- b2 m + (1 - b2) g; increment -lr (sign(c) + weight_decay w)."""
    direction = ema(state["exp_avg"], grad, betas[0]).sign()
    return -lr * (direction + weight_decay * param), {"exp_avg": ema(state["exp_avg"], grad, betas[1])}
