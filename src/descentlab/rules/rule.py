"""The interface of an update rule, and the arithmetic that several rules share.

A rule is a module, or a `Rule`, of two or three pure functions of ONE tensor:

    init(param) -> state
    update(grad, state, param, *, lr=..., ...) -> (increment, state)
    evaluate(state, param, *, lr=..., ...) -> weights

The caller adds the increment to the parameter. `evaluate` is defined only by rules whose evaluation weights differ from the
training weights. Nothing is modified in place. The keywords of `update` declare the hyperparameters and their defaults, with
the names and values of torch.optim where it has the rule. Numeric ones may be 0-dimensional tensors (preferably float64: in
float32, 1 - 0.999 keeps four digits), and no rule branches on their values, so that torch.vmap maps a rule over runs that
differ in them.

Tensors of the state have the shape and dtype of the parameter, which has at least one dimension; scalars are float32, and a
count of steps is named "step".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

State = dict[str, Tensor]
Number = float | Tensor


class Rule(NamedTuple):
    """An update rule built from functions; a module with these functions serves as well.

    Args:
        init: parameter -> state.
        update: (gradient, state, parameter, **hyperparameters) -> (increment, state).
        evaluate: (state, parameter, **hyperparameters) -> evaluation weights; None if they are the training weights.
    """

    init: Callable[[Tensor], State]
    update: Callable[..., tuple[Tensor, State]]
    evaluate: Callable[..., Tensor] | None = None


def scalar(param: Tensor, value: float = 0.0) -> Tensor:
    """Return `value` as a scalar of a state, a float32 tensor on the device of `param`."""
    return torch.full((), value, dtype=torch.float32, device=param.device)


def precise(number: Tensor) -> Tensor:
    """Return `number` in float64, except on Apple's GPUs, which do not support it."""
    return number if number.device.type == "mps" else number.double()


def ema(old: Tensor, new: Tensor, beta: Number) -> Tensor:
    """Return the exponential moving average beta old + (1 - beta) new."""
    return beta * old + (1 - beta) * new


def correction(beta: Number, step: Tensor) -> Tensor:
    """Return 1 - beta^step, the bias correction of a moving average that started at zero (arXiv:1412.6980, section 3)."""
    return 1 - beta ** precise(step)


def rms(tensor: Tensor) -> Tensor:
    """Return the root mean square of the elements, a scalar."""
    return torch.linalg.vector_norm(tensor) / tensor.numel() ** 0.5
