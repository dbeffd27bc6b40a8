"""Gradients orthogonal to a direction, such as the weights (OrthoGrad)."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.optim.programs.noise import Noise

STREAM = 2**33  # added to the seed: the numbers differ from those of dropout and of the noise of gradients
SMALLEST = 1e-30  # added to squared norms and norms, so that a direction or a gradient of zero changes nothing


def make_orthogonal(gradients: list[Tensor], directions: list[Tensor]) -> list[Tensor]:
    """Return each gradient g without its component along its direction d, with the norm of g.

    With p = g - (d . g / d . d) d, the result is p |g| / |p|. A tensor with one element has no orthogonal direction, and is
    returned unchanged, as is a gradient whose direction is zero.

    Args:
        gradients, directions: in the same order and shapes; with the weights as directions this is OrthoGrad.

    Source: Prieto et al., arXiv:2501.04697, section 5.
    """
    return [
        _orthogonal(gradient, direction) if gradient.numel() > 1 else gradient
        for gradient, direction in zip(gradients, directions, strict=True)
    ]


def random_directions(like: list[Tensor], seed: Tensor | int, step: Tensor | int) -> list[Tensor]:
    """Return a standard normal tensor in the shape of each of `like`, determined by the seed of the run and the step."""
    noise = Noise(seed + STREAM, step, like[0].device if like else None)
    return [noise.normal(tensor.shape).to(tensor.dtype) for tensor in like]


def _orthogonal(gradient: Tensor, direction: Tensor) -> Tensor:
    share = (direction * gradient).sum() / (direction.square().sum() + SMALLEST)
    rest = gradient - share * direction
    return rest * (torch.linalg.vector_norm(gradient) / (torch.linalg.vector_norm(rest) + SMALLEST))
