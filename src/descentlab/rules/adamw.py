"""AdamW (Loshchilov and Hutter, arXiv:1711.05101, algorithm 2): Adam whose weight decay is not part of the gradient.

`decay` specifies the factor of weight_decay:
    decoupled: lr w, as in torch.optim.AdamW. A lower lr then requires a higher weight_decay.
    independent: eta w, where eta is the schedule's multiplier of lr (keyword `multiplier`), as in the paper.
    coupled: w, added to the gradient: Adam with L2.
"""

from __future__ import annotations

from torch import Tensor

from descentlab.rules import adam
from descentlab.rules.rule import Number, State

init = adam.init


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-3,
    betas: tuple[Number, Number] = (0.9, 0.999),
    eps: Number = 1e-8,
    weight_decay: Number = 1e-2,
    decay: str = "decoupled",
    multiplier: Number = 1.0,
) -> tuple[Tensor, State]:
    """Adam's increment - lr weight_decay w (decoupled), - multiplier weight_decay w (independent)."""
    rates = {"decoupled": lr, "independent": multiplier, "coupled": 0.0}
    if decay not in rates:
        raise ValueError(f"decay={decay} is not one of {', '.join(rates)}")
    coupled = weight_decay if decay == "coupled" else 0.0
    increment, state = adam.update(grad, state, param, lr=lr, betas=betas, eps=eps, weight_decay=coupled)
    return increment - rates[decay] * weight_decay * param, state
