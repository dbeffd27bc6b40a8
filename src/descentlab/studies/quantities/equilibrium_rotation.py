"""The rotation per step of weights in front of a normalization layer."""

from __future__ import annotations

import math


def equilibrium_rotation(lr: float, weight_decay: float, beta1: float = 0.0) -> float:
    """Return sqrt(2 lr weight_decay (1 - beta1) / (1 + beta1)), the angle in radians by which AdamW turns a neuron each step.

    It is the equilibrium under a gradient that is noise, reached after about 1 / (lr weight_decay) steps.

    Source: Kosson et al. (2023), arXiv:2305.17212, table 1.

    Args:
        lr: learning rate.
        weight_decay: decoupled; a step multiplies the weights by 1 - lr weight_decay.
        beta1: decay rate of the first moment, in [0, 1).

    Raises:
        ValueError: `lr` or `weight_decay` is negative, or `beta1` is not in [0, 1).
    """
    if lr < 0 or weight_decay < 0 or not 0 <= beta1 < 1:
        raise ValueError(f"no equilibrium for lr={lr:g}, weight_decay={weight_decay:g}, beta1={beta1:g}")
    return math.sqrt(2 * lr * weight_decay * (1 - beta1) / (1 + beta1))
