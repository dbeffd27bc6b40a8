"""Gradient clipping, by element and by global norm."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.optim.transforms import lists
from descentlab.optim.transforms.lists import Number

EPSILON = 1e-6  # added to the norm, as in torch.nn.utils.clip_grad_norm_


def clip_by_value(gradients: list[Tensor], bound: float) -> list[Tensor]:
    """Return the gradients with each element clamped to [-bound, bound] (torch.nn.utils.clip_grad_value_)."""
    return [gradient.clamp(-bound, bound) for gradient in gradients]


def clip_by_norm(gradients: list[Tensor], bound: Number) -> list[Tensor]:
    """Return the gradients scaled by min(1, bound / norm), where norm is the Euclidean norm of all of them together.

    Source: Pascanu et al., arXiv:1211.5063, algorithm 1; torch.nn.utils.clip_grad_norm_.
    """
    factor = torch.clamp(bound / (lists.norm(gradients) + EPSILON), max=1.0)
    return lists.scale(gradients, factor)
