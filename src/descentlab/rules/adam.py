"""Adam (Kingma and Ba, arXiv:1412.6980, algorithm 1).

Same update as torch.optim.Adam. Differences from the paper: weight_decay, which is coupled (L2); adamw decouples it. Two
options serve comparisons:
    bias_correction: True corrects the bias of both moments, False of neither (as in figure 4 of the paper), "first" and
        "second" of one of them. Without that of the first moment, a large eps gives the heavy ball: with lr = a eps / (1 - b1),
        the increments approach those of rules.momentum with the learning rate a and the momentum b1.
    second_moment_init: "zeros", or "gradient": the second moment starts at the square of the first gradient (GI-Adam; Kalra
        and Barkeshli, arXiv:2406.09405). The correction, which assumes a start at zero, then makes the first steps smaller
        by sqrt(1 - b2^t), as a warm-up does.
"""

from __future__ import annotations

from collections.abc import Sequence

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
    bias_correction: bool | str = True,
    second_moment_init: str = "zeros",
) -> tuple[Tensor, State]:
    """m <- b1 m + (1 - b1) g; v <- b2 v + (1 - b2) g^2; increment -lr m' / (sqrt(v') + eps).

    Before, g <- g + weight_decay w. m' = m / (1 - b1^t), v' = v / (1 - b2^t), or m and v without bias correction.

    Raises:
        ValueError: an option has none of the values that are listed above.
    """
    _check("bias_correction", bias_correction, (True, False, "first", "second"))
    _check("second_moment_init", second_moment_init, ("zeros", "gradient"))
    step = state["step"] + 1
    grad = grad + weight_decay * param
    exp_avg = ema(state["exp_avg"], grad, betas[0])
    square = grad.square()
    exp_avg_sq = ema(state["exp_avg_sq"], square, betas[1])
    if second_moment_init == "gradient":
        exp_avg_sq = torch.where(step == 1, square, exp_avg_sq)
    first = correction(betas[0], step) if bias_correction in (True, "first") else 1.0
    second = correction(betas[1], step) if bias_correction in (True, "second") else 1.0
    increment = -lr / first * exp_avg / ((exp_avg_sq / second).sqrt() + eps)
    return increment, {"step": step, "exp_avg": exp_avg, "exp_avg_sq": exp_avg_sq}


def _check(name: str, value: bool | str, allowed: Sequence[bool | str]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}={value} is not one of {', '.join(map(str, allowed))}")
