"""Classes whose frequencies are heavy-tailed (Kunstner et al., arXiv:2402.19449)."""

from __future__ import annotations

from typing import Annotated, Any, Unpack

import torch
from annotated_types import Interval
from torch import Tensor

from descentlab.config.types import NonNegative, Seed
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData


class HeavyTailedClasses(TensorData):
    """Points (rows, 2 K) around the means of K classes; class (rows,). The classes are numbered from frequent to rare.

    Group i = 0, ..., m has 2^i classes with 2^(m - i) examples each, so that K = 2^(m + 1) - 1, and all groups have 2^m
    examples. The means are drawn from N(0, I), and N(0, noise^2 I) is added to them; both are divided by sqrt(2 K), so that the
    expected squared length of a point is 1 + noise^2. Valid and test are further draws with the same means and frequencies.

    Args:
        groups: m, from 1 to 10.
        noise: standard deviation of the noise, relative to that of the means, >= 0.
        split_seed: seed of all draws; independent of the run's seeds.
        properties: see DataProperties.
    """

    def __init__(
        self,
        groups: Annotated[int, Interval(ge=1, le=10)],
        noise: NonNegative,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.groups, self.noise, self.split_seed = groups, noise, split_seed

    @property
    def counts(self) -> Tensor:
        """The number of examples of each class in each split, shape (classes,)."""
        return torch.cat([torch.full((2**group,), 2 ** (self.groups - group)) for group in range(self.groups + 1)])

    def load(self) -> Splits:
        counts = self.counts
        classes = torch.arange(len(counts)).repeat_interleave(counts)
        stream = torch.Generator().manual_seed(self.split_seed)
        width = 2 * len(counts)
        means = torch.randn(len(counts), width, generator=stream)
        noises = (self.noise * torch.randn(len(classes), width, generator=stream) for _ in range(3))
        train, valid, test = (((means[classes] + noise) / width**0.5, classes.clone()) for noise in noises)
        return Splits(train, valid, test)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        classes = len(self.counts)
        return {"num_features": 2 * classes, "num_classes": classes, "num_outputs": classes}
