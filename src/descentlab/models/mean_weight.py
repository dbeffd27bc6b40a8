"""Weights that the loss does not depend on: what moves them is noise, weight decay and the optimizer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from descentlab.config.types import Count


class MeanWeight(nn.Module):
    """x (batch, any) -> (batch,): the mean of a vector of weights that start at ones, with a gradient of zero.

    With noise.std=S noise.decay=0 the gradients are pure noise of standard deviation S. The random walks of the weights cancel
    out in their mean, which shows how fast they decay.

    Args:
        dimensions: the number of weights.
    """

    def __init__(self, dimensions: Count = 40_000) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.ones(dimensions))

    def forward(self, x: Tensor) -> Tensor:
        mean = self.weights.detach().mean() + 0 * self.weights.sum()
        return mean.expand(len(x))
