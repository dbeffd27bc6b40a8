"""A few normally distributed examples for studies of full-batch gradient descent on small regressions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Unpack

import torch
from annotated_types import Len
from torch import Tensor

from descentlab.config.types import Count, Seed
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData


class GaussianExamples(TensorData):
    """Inputs x from N(0, I), shape (rows, num_features); targets (rows, 1) with mean 0 and variance about 1.

    Args:
        rows: the number of examples of train, valid and test.
        targets: linear (w'x / |w| for a fixed w from N(0, I)), gaussian (from N(0, 1), independent of x) or signs (1 or -1 with
            the same probability, independent of x).
        split_seed: seed of all draws; independent of the run's seeds.
        properties: see DataProperties.
    """

    def __init__(
        self,
        rows: Annotated[Sequence[Count], Len(3, 3)],
        targets: Literal["linear", "gaussian", "signs"],
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.rows, self.targets, self.split_seed = rows, targets, split_seed
        self.features = properties.get("num_features", 1)

    def load(self) -> Splits:
        stream = torch.Generator().manual_seed(self.split_seed)
        weights = torch.randn(self.features, 1, generator=stream)
        train, valid, test = (self._draw(rows, weights / weights.norm(), stream) for rows in self.rows)
        return Splits(train, valid, test)

    def _draw(self, rows: int, direction: Tensor, stream: torch.Generator) -> Batch:
        inputs = torch.randn(rows, self.features, generator=stream)
        noise = torch.randn(rows, 1, generator=stream)
        targets = {"linear": inputs @ direction, "gaussian": noise, "signs": torch.where(noise > 0, 1.0, -1.0)}
        return inputs, targets[self.targets]
