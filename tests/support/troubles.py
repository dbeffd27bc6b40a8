"""Data, tasks and models with planted troubles, for the tests of alerts."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from descentlab.data.digits import Digits
from descentlab.data.loading.splits import Splits
from descentlab.models.mlp import MLP
from descentlab.tasks.base import Batch, Predict
from descentlab.tasks.classification import Classification


class UnscaledDigits(Digits):
    """Digits; with pixels=unit, pixel i is in another unit, 10^-(i mod 4) of the usual one."""

    def load(self) -> Splits:
        parts = super().load()
        if self.pixels == "standardised":
            return parts
        units = 10.0 ** (torch.arange(64) % 4).view(1, 8, 8)
        return Splits(*((x * units, y) for x, y in (parts.train, parts.valid, parts.test)))


class NoisyDigits(Digits):
    """Digits with random classes for a fraction of the training examples.

    Args:
        noise: the fraction.
        digits: see Digits.
    """

    def __init__(self, *, noise: float = 0.5, **digits: Any) -> None:
        super().__init__(**digits)
        self.noise = noise

    def load(self) -> Splits:
        parts = super().load()
        x, y = parts.train
        random = np.random.default_rng(0)
        wrong = torch.from_numpy(random.random(len(y)) < self.noise)
        classes = torch.from_numpy(random.integers(0, 10, len(y)))
        return Splits((x, torch.where(wrong, classes, y)), parts.valid, parts.test)


class SummedLoss(Classification):
    """Classification with the sum over examples in place of the mean."""

    def loss(self, predict: Predict, batch: Batch) -> Tensor:
        return super().loss(predict, batch) * len(batch[0])


class SquareRoot(nn.Module):
    """sqrt(x + 0.5), which is not a number below -0.5."""

    def forward(self, x: Tensor) -> Tensor:
        return (x + 0.5).sqrt()


class RootMLP(MLP):
    """An MLP; with activation=sqrt, the activation of its third hidden layer is a square root, and the others are ReLUs."""

    def __init__(self, *, activation: str, **mlp: Any) -> None:
        super().__init__(activation="relu" if activation == "sqrt" else activation, **mlp)  # pyright: ignore[reportArgumentType]
        if activation == "sqrt":
            block: Any = self.blocks[2]
            block.layers[-1] = SquareRoot()
