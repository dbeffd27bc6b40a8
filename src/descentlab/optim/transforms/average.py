"""Averages of the weights over steps: exponential (EMA) and plain (SWA)."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.optim.transforms import lists
from descentlab.optim.transforms.lists import Number


def start(weights: list[Tensor]) -> list[Tensor]:
    """Return copies of the weights, in 32 bits or more: the average of a single step."""
    return [weight.to(torch.promote_types(weight.dtype, torch.float32), copy=True) for weight in weights]


def update(mean: list[Tensor], weights: list[Tensor], share: Number) -> list[Tensor]:
    """Return (1 - share) m + share w for each mean m and its weight w, in the precision of the mean."""
    return lists.interpolate(mean, [weight.to(old.dtype) for weight, old in zip(weights, mean, strict=True)], share)


def swa_share(count: int) -> float:
    """Return the share of new weights in a mean of `count` + 1 (Izmailov et al., arXiv:1803.05407, one point per step)."""
    return 1 / (count + 1)


def ema_share(count: int, decay: Number) -> Number:
    """Return the share 1 - min(decay, (1 + count) / (10 + count)) of new weights in an EMA of `count` weights.

    The bound discounts the first weights quickly, which a constant decay near 1 would not (TensorFlow's num_updates).
    """
    bound = (1 + count) / (10 + count)
    return 1 - (decay.clamp(max=bound) if isinstance(decay, Tensor) else min(decay, bound))
