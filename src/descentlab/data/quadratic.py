"""The draws of DeepOBS's noisy quadratic (Schneider et al., arXiv:1903.05499)."""

from typing import Unpack

import numpy as np

from descentlab.data.tensors import Facts, Splits, TensorData, tensor

DEVIATION = 0.6
SEEDS = (42, 44, 43)  # of train, valid, test


class Quadratic(TensorData):
    """Points (rows, dimensions) from N(0, 0.6^2); no targets. The same for every run, whatever its seed."""

    def __init__(self, points: int, **facts: Unpack[Facts]) -> None:
        super().__init__(**facts)
        self.shape = (points, facts.get("num_features", 100))

    def load(self) -> Splits:
        train, valid, test = (np.random.RandomState(seed).normal(0.0, DEVIATION, self.shape) for seed in SEEDS)
        return Splits((tensor(train),), (tensor(valid),), (tensor(test),))
