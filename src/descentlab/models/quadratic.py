"""A parameter vector on a noisy quadratic: DeepOBS's quadratic_deep (Schneider et al., arXiv:1903.05499)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from descentlab.config.types import Count

SEED = 42


class Quadratic(nn.Module):
    """Quadratic function of the parameter vector t, which starts at ones.

    It maps x (batch, dimensions) to 0.5 (t - x)' Q (t - x), shape (batch,).

    Q is fixed: 90 % of its eigenvalues lie in (0, 1), the others in (30, 60), under a random rotation.

    Args:
        dimensions: number of dimensions of t, >= 2.
    """

    q: Tensor

    def __init__(self, dimensions: Count = 100) -> None:
        super().__init__()
        self.t = nn.Parameter(torch.ones(dimensions))
        self.register_buffer("q", torch.as_tensor(hessian(dimensions), dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        offset = self.t - x
        return 0.5 * (offset @ self.q * offset).sum(-1)


def hessian(dimensions: int) -> NDArray[np.float64]:
    """Return Q = R' diag(eigenvalues) R, (dimensions, dimensions), drawn with a fixed seed."""
    stream = np.random.RandomState(SEED)
    flat = dimensions * 9 // 10
    eigenvalues = np.concatenate([stream.uniform(0, 1, flat), stream.uniform(30, 60, dimensions - flat)])
    rotation = random_rotation(dimensions, stream)
    return rotation.T @ np.diag(eigenvalues) @ rotation


def random_rotation(dimensions: int, stream: np.random.RandomState) -> NDArray[np.float64]:
    """Return a uniformly random rotation matrix, by the subgroup algorithm of Diaconis and Shahshahani (1987).

    Args:
        dimensions: >= 2.
        stream: generator of the numbers: first an angle, then a normal vector for each further dimension.
    """
    angle = 2 * np.pi * stream.uniform()
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for size in range(2, dimensions):
        v = stream.normal(size=size + 1)
        v /= np.linalg.norm(v)
        x = np.eye(size + 1)[0] - v
        x /= np.linalg.norm(x)
        block = np.zeros((size + 1, size + 1))
        block[0, 0], block[1:, 1:] = 1.0, rotation
        rotation = block - 2 * np.outer(x, x @ block)
    return -rotation
