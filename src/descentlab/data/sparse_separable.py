"""A separable problem on which adaptive methods predict the majority (Wilson et al., arXiv:1705.08292)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Unpack

import numpy as np
import torch
from annotated_types import Len

from descentlab.config.types import Count, PositiveFraction, Seed
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData

SHARED, OWN = 3, 5  # features that all examples share, and features that belong to one example


class SparseSeparable(TensorData):
    """Features (rows, 3 + 5 examples of all splits); target (rows,) 1.0 or 0.0, the classes y = 1 and y = -1 of the paper.

    Feature 1 is y, and features 2 and 3 are 1. Five further features belong to each example: all of them are 1 if y = -1, and
    only the first if y = 1; those of other examples are 0. Feature 1 alone separates the classes. The five features of a test
    example do not occur in the training split. Source: section 3.3.

    Args:
        rows: the number of examples of train, valid and test.
        positives: the probability of y = 1; above 0.5 in the paper.
        split_seed: seed of the classes; independent of the run's seeds.
        properties: see DataProperties.
    """

    def __init__(
        self,
        rows: Annotated[Sequence[Count], Len(3, 3)],
        positives: PositiveFraction,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.rows, self.positives, self.split_seed = rows, positives, split_seed

    def load(self) -> Splits:
        total = sum(self.rows)
        is_positive = np.random.default_rng(self.split_seed).random(total) < self.positives
        features = np.zeros((total, SHARED + OWN * total), np.float32)
        features[:, 0] = np.where(is_positive, 1, -1)
        features[:, 1:SHARED] = 1
        for row, positive in enumerate(is_positive):
            first = SHARED + OWN * row
            features[row, first : first + (1 if positive else OWN)] = 1
        ends = np.cumsum(self.rows)[:-1].tolist()
        parts = zip(np.split(features, ends), np.split(is_positive.astype(np.float32), ends), strict=True)
        train, valid, test = (_tensors(*part) for part in parts)
        return Splits(train, valid, test)


def _tensors(features: np.ndarray, targets: np.ndarray) -> Batch:
    return torch.from_numpy(features.copy()), torch.from_numpy(targets)
