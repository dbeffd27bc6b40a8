"""Muon (Jordan et al. 2024, kellerjordan.github.io/posts/muon): orthogonalized momentum. For matrices only.

Same update as torch.optim.Muon. Differences from the post: the momentum is a moving average (its scale has no effect); eps
bounds the norm from below, where the post adds it; weight_decay is decoupled, with the unadjusted lr (arXiv:2502.16982).
ns_dtype is an addition: the dtype of the iteration, bfloat16 in torch. ns_steps and ns_coefficients determine the computation,
and are therefore plain numbers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from descentlab.rules.rule import Number, State, ema

COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # the steepest slope at 0 for which the singular values end within about [0.7, 1.2]


def init(param: Tensor) -> State:
    if param.ndim != 2:
        raise ValueError(
            f"Muon is for matrices, not for shape {tuple(param.shape)}: assign other parameters to another optimizer"
        )
    return {"momentum_buffer": torch.zeros_like(param)}


def update(
    grad: Tensor,
    state: State,
    param: Tensor,
    *,
    lr: Number = 1e-3,
    weight_decay: Number = 0.1,
    momentum: Number = 0.95,
    nesterov: bool = True,
    ns_coefficients: tuple[float, float, float] = COEFFICIENTS,
    eps: Number = 1e-7,
    ns_steps: int = 5,
    adjust_lr_fn: str | None = None,
    ns_dtype: str = "bfloat16",
) -> tuple[Tensor, State]:
    """b <- momentum b + (1 - momentum) g; increment -lr adjustment orthogonal(b) - lr weight_decay w.

    With nesterov, b in the increment is replaced by momentum b + (1 - momentum) g.
    """
    average = ema(state["momentum_buffer"], grad, momentum)
    direction = ema(grad, average, 1 - momentum) if nesterov else average
    orthogonal = newton_schulz(direction.to(getattr(torch, ns_dtype)), ns_coefficients, eps, ns_steps).to(param.dtype)
    adjusted = lr * adjustment(param.shape[0], param.shape[1], adjust_lr_fn)
    return -adjusted * orthogonal - lr * weight_decay * param, {"momentum_buffer": average}


def newton_schulz(matrix: Tensor, coefficients: tuple[float, float, float], eps: Number, steps: int) -> Tensor:
    """Return approximately U V' of `matrix` = U S V': each singular value s of matrix / |matrix| becomes p(p(...p(s))).

    p(s) = a s + b s^3 + c s^5, as X <- a X + (b X X' + c (X X')^2) X.
    """
    a, b, c = coefficients
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.mT if tall else matrix  # the smaller product
    smallest = torch.as_tensor(eps, dtype=x.dtype, device=x.device)  # clamp under vmap promotes to a wider type
    x = x / x.norm().clamp(min=smallest)
    for _ in range(steps):
        gram = x @ x.mT
        x = _multiply_and_add(x, _multiply_and_add(gram, gram, gram, b, c), x, a)
    return x.mT if tall else x


def _multiply_and_add(start: Tensor, left: Tensor, right: Tensor, beta: float, alpha: float = 1.0) -> Tensor:
    """Return beta start + alpha left right, as torch.addmm. In half precision it is rounded once, at the end.

    Under torch.vmap, addmm rounds each of its operations. On a GPU this is addmm, since products of float32 are slow there.
    """
    if start.is_cuda or start.dtype in (torch.float32, torch.float64):
        return torch.addmm(start, left, right, beta=beta, alpha=alpha)
    product = alpha * (left.float() @ right.float())
    return torch.add(product, start.float(), alpha=beta).to(start.dtype)


def adjustment(rows: int, columns: int, kind: str | None) -> float:
    """Return the factor by which `kind` scales the learning rate of a matrix.

    Kinds are original (the post's; None is the same), match_rms_adamw (arXiv:2502.16982, eq. 4) and spectral_unclamped."""
    factors = {
        "original": math.sqrt(max(1, rows / columns)),
        "match_rms_adamw": 0.2 * math.sqrt(max(rows, columns)),
        "spectral_unclamped": math.sqrt(rows / columns),
    }
    if kind is not None and kind not in factors:
        raise ValueError(f"adjust_lr_fn={kind} is not one of {', '.join(factors)}")
    return factors[kind or "original"]
