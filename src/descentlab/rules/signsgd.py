"""signSGD (Bernstein et al., arXiv:1802.04434, algorithm 1); with momentum, Signum (algorithm 2).

With momentum, the step is the sign of a moving average of gradients, not an average of signs. weight_decay, which is not in the
paper, is decoupled; coupled, it would have little effect on the sign.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, ema


def init(param: Tensor) -> State:
    return {"momentum_buffer": torch.zeros_like(param)}


def update(
    grad: Tensor, state: State, param: Tensor, *, lr: Number = 1e-3, momentum: Number = 0.0, weight_decay: Number = 0.0
) -> tuple[Tensor, State]:
    """m <- momentum m + (1 - momentum) g; increment -lr (sign(m) + weight_decay w)."""
    average = ema(state["momentum_buffer"], grad, momentum)
    return -lr * (average.sign() + weight_decay * param), {"momentum_buffer": average}
