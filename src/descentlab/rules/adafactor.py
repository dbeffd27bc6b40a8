"""Adafactor (Shazeer and Stern, arXiv:1804.04235, algorithms 4 and 5, with the relative steps of algorithm 6).

Same update as torch.optim.Adafactor. Differences from the paper: eps[0] bounds the second moment from below, where the paper
adds it to g^2, and is the dtype's epsilon by default (1e-30 in the paper); lr bounds the relative step, 0.01 in the paper;
there is a decoupled weight_decay. Tensors of more than two dimensions are factored along the last two.
"""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, ema, precise, rms, scalar


def init(param: Tensor) -> State:
    """Return a mean square for each row and column; for a vector, one for each element."""
    if param.ndim < 2:
        return {"step": scalar(param), "variance": torch.zeros_like(param)}
    return {
        "step": scalar(param),
        "row_var": torch.zeros_like(param[..., :1]),
        "col_var": torch.zeros_like(param[..., :1, :]),
    }


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-2,
    beta2_decay: Number = -0.8,
    eps: tuple[Number | None, Number] = (None, 1e-3),
    d: Number = 1.0,
    weight_decay: Number = 0.0,
) -> tuple[Tensor, State]:
    """u = g / sqrt(v); increment -a u / max(1, rms(u) / d) - lr weight_decay w.

    a = max(eps[1], rms(w)) min(lr, 1 / sqrt(t)). v, or its rows' and columns' means, are moving averages of g^2 with
    b2 = 1 - t^beta2_decay; v = rows columns / mean(rows).
    """
    step = state["step"] + 1
    smallest = _filled(torch.finfo(param.dtype).eps if eps[0] is None else eps[0], param)
    moments, variance = _second_moment(grad, state, 1 - precise(step) ** beta2_decay, smallest)
    direction = grad * variance.clamp(min=smallest * smallest).rsqrt()
    rate = rms(param).clamp(min=eps[1]) * precise(step).rsqrt().clamp(max=lr)
    increment = -rate / (rms(direction) / d).clamp(min=1.0) * direction - lr * weight_decay * param
    return increment, {"step": step, **moments}


def _filled(value: Number, like: Tensor) -> Tensor:
    """Return `value` as a scalar of the type of `like`, since clamp under vmap promotes to a wider type.

    torch.full writes a number on the device; torch.as_tensor would copy it from the host, which would wait for a GPU.
    """
    return value.to(like) if isinstance(value, Tensor) else torch.full((), value, dtype=like.dtype, device=like.device)


def _second_moment(grad: Tensor, state: State, beta: Tensor, smallest: Tensor) -> tuple[State, Tensor]:
    """Return the new moments, and the mean square of each element that they represent."""
    squares = grad.square()
    if grad.ndim < 2:
        variance = ema(state["variance"], squares, beta)
        return {"variance": variance}, variance
    row_var = ema(state["row_var"], squares.mean(-1, keepdim=True), beta)
    col_var = ema(state["col_var"], squares.mean(-2, keepdim=True), beta)
    variance = row_var @ col_var / row_var.mean(-2, keepdim=True).clamp(min=smallest)
    return {"row_var": row_var, "col_var": col_var}, variance
