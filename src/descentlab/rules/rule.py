"""What an update rule is, and the arithmetic that several rules share.

A rule is a module, or a `Rule`, of two or three pure functions of ONE tensor:

    init(param) -> state
    update(grad, state, param, *, lr=..., ...) -> (increment, state)
    evaluate(state, param, *, lr=..., ...) -> weights

The increment is to be added to the parameter. `evaluate` is there only where the weights to judge by are not those that are
trained. Nothing is changed in place. The keywords of `update` declare the hyperparameters and their defaults: torch.optim's
names and values where it has the rule. Numbers among them may be 0-dimensional tensors (best in float64: in float32, 1 - 0.999
keeps four digits), and no rule branches on the value of one, so that torch.vmap maps a rule over runs that differ in them.

The state's tensors are shaped and typed like the parameter, which has at least one dimension; its scalars are float32, those
that count steps are named "step".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

State = dict[str, Tensor]
Number = float | Tensor


class Rule(NamedTuple):
    """An update rule that is not a module."""

    init: Callable[[Tensor], State]
    update: Callable[..., tuple[Tensor, State]]
    evaluate: Callable[..., Tensor] | None = None


def scalar(param: Tensor, value: float = 0.0) -> Tensor:
    """`value` as a state's scalar, where `param` is."""
    return torch.full((), value, dtype=torch.float32, device=param.device)


def precise(number: Tensor) -> Tensor:
    """`number` in float64, except on Apple's GPUs, which lack it."""
    return number if number.device.type == "mps" else number.double()


def ema(old: Tensor, new: Tensor, beta: Number) -> Tensor:
    """The exponential moving average beta old + (1 - beta) new."""
    return beta * old + (1 - beta) * new


def correction(beta: Number, step: Tensor) -> Tensor:
    """1 - beta^step: the sum of the weights in a moving average that began at zero (arXiv:1412.6980, section 3)."""
    return 1 - beta ** precise(step)


def rms(tensor: Tensor) -> Tensor:
    """The root mean square of the elements, a scalar."""
    return torch.linalg.vector_norm(tensor) / tensor.numel() ** 0.5
