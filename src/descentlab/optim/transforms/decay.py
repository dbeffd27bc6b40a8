"""Weight decay, in the gradient (coupled) and in the weights (decoupled) (Loshchilov and Hutter, arXiv:1711.05101)."""

from __future__ import annotations

from torch import Tensor

from descentlab.optim.transforms import lists
from descentlab.optim.transforms.lists import Number


def coupled(gradients: list[Tensor], weights: list[Tensor], rate: Number) -> list[Tensor]:
    """Return g + rate w for each gradient g and its weight w: the gradient of the loss plus rate / 2 |w|^2 (L2)."""
    return lists.add(gradients, weights, rate)


def decoupled(weights: list[Tensor], shrink: Number) -> list[Tensor]:
    """Return (1 - shrink) w for each weight w.

    Args:
        shrink: lr * rate for torch's AdamW; the schedule's multiplier * rate for the paper's algorithm 2.
    """
    return lists.scale(weights, 1 - shrink)
