"""Models in which a tensor stops being finite at a given step."""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Overrides of digits_mlp that replace its model by Planted.
PLANTED = (
    *("model._target_=support.planted_network.Planted", "~model.activation", "~model.init", "~model.norm", "~model.dropout"),
    *("~model.residual", "~model.bias", "~model.weight_norm", "~model.parametrization", "~model.base_width"),
    *("~model.output_scale", "model.hidden=8"),
)


class Plant(nn.Module):
    """Returns its input, and NaN from its call `at` on, counted from 0 over calls in training mode."""

    calls: Tensor

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        self.calls += 1
        return torch.where(self.calls > self.at, torch.nan, x)


class RootOfZero(nn.Module):
    """Adds the root of a parameter x, which is 0, from the call `at` on: the value is finite, and the gradient of x is not."""

    calls: Tensor

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at
        self.x = nn.Parameter(torch.zeros(()))
        self.register_buffer("calls", torch.zeros((), dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += self.training
        active = self.calls > self.at
        return x + torch.where(active, self.x, 1.0).sqrt()


class Planted(nn.Module):
    """Three dense layers; from the `at`-th step on NaN after the second one or, if `root`, an infinite gradient there."""

    def __init__(self, num_features: int, num_outputs: int, hidden: int = 8, at: int = 10**6, root: bool = False) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(num_features, hidden), nn.Linear(hidden, hidden)
        self.plant = RootOfZero(at) if root else Plant(at)
        self.third = nn.Linear(hidden, num_outputs)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x.flatten(1)))
        return self.third(self.drop(torch.relu(self.plant(self.second(x)))))
