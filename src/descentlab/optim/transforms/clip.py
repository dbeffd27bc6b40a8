"""Gradient clipping: by element, by global norm, and by the norms of the weights of each unit (adaptive)."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.optim.transforms import lists
from descentlab.optim.transforms.lists import Number

EPSILON = 1e-6  # added to the norm, as in torch.nn.utils.clip_grad_norm_
LEAST_NORM = 1e-3  # of the weights of a unit in adaptive clipping, so that units whose weights are zero can change


def clip_by_value(gradients: list[Tensor], bound: Number) -> list[Tensor]:
    """Return the gradients with each element clamped to [-bound, bound] (torch.nn.utils.clip_grad_value_)."""
    return [gradient.clamp(-bound, bound) for gradient in gradients]  # pyright: ignore[reportArgumentType, reportCallIssue]


def clip_by_norm(gradients: list[Tensor], bound: Number) -> list[Tensor]:
    """Return the gradients scaled by min(1, bound / norm), where norm is the Euclidean norm of all of them together.

    Source: Pascanu et al., arXiv:1211.5063, algorithm 1; torch.nn.utils.clip_grad_norm_.
    """
    factor = torch.clamp(bound / (lists.norm(gradients) + EPSILON), max=1.0)
    return lists.scale(gradients, factor)


def clip_adaptively(gradients: list[Tensor], weights: list[Tensor], bound: Number) -> list[Tensor]:
    """Return the gradients with that of each unit scaled by min(1, bound max(|w|, 1e-3) / |g|), w being its weights.

    A unit is a slice along the first dimension: the weights of one output of a dense layer, the filter of one channel of a
    convolution, the vector of one token of an embedding. A tensor with fewer than two dimensions (biases, gains) is one unit,
    as in the authors' code. A gradient that is zero is unchanged.

    Args:
        gradients, weights: in the same order and shapes; |.| is the Euclidean norm.
        bound: lambda of the paper, > 0.

    Source: Brock et al., arXiv:2102.06171, eq. 3.
    """
    norms = [(_unit_norm(gradient), _unit_norm(weight)) for gradient, weight in zip(gradients, weights, strict=True)]
    limits = [bound * torch.clamp(weight, min=LEAST_NORM) for _, weight in norms]
    factors = [torch.clamp(limit / norm, max=1.0) for limit, (norm, _) in zip(limits, norms, strict=True)]
    return [gradient * factor.to(gradient.dtype) for gradient, factor in zip(gradients, factors, strict=True)]


def _unit_norm(tensor: Tensor) -> Tensor:
    """Return the Euclidean norm of each unit, in a shape that can be multiplied with `tensor`."""
    if tensor.dim() < 2:
        return torch.linalg.vector_norm(tensor)
    return torch.linalg.vector_norm(tensor, dim=tuple(range(1, tensor.dim())), keepdim=True)
