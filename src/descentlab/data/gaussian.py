"""Samples of a normal distribution, which serve as noise of analytic losses: DeepOBS's quadratic (arXiv:1903.05499)."""

from typing import Unpack

import numpy as np

from descentlab.config.types import Count, NonNegative
from descentlab.data.loading.splits import Splits, tensor
from descentlab.data.loading.tensors import DataProperties, TensorData

SEEDS = (42, 44, 43)  # seeds of train, valid, test


class Gaussian(TensorData):
    """Points (points, num_features) from N(0, deviation^2), without targets, from fixed seeds."""

    def __init__(self, points: Count, deviation: NonNegative, **properties: Unpack[DataProperties]) -> None:
        super().__init__(**properties)
        self.deviation, self.shape = deviation, (points, properties.get("num_features", 1))

    def load(self) -> Splits:
        train, valid, test = (np.random.RandomState(seed).normal(0.0, self.deviation, self.shape) for seed in SEEDS)
        return Splits((tensor(train),), (tensor(valid),), (tensor(test),))
