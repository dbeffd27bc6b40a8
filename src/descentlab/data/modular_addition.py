"""Addition modulo a number, on which networks generalise long after they fit (Power et al., arXiv:2201.02177)."""

from __future__ import annotations

from typing import Annotated, Any, Unpack

import torch
from annotated_types import Ge
from torch import Tensor
from torch.nn.functional import one_hot

from descentlab.config.types import PositiveFraction, Seed
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits, three_way
from descentlab.data.loading.tensors import DataProperties, TensorData


class ModularAddition(TensorData):
    """All pairs (a, b) of numbers below p, as two one-hot vectors (rows, 2 p); class (rows,) (a + b) mod p.

    As in Prieto et al. (arXiv:2501.04697), whose networks get one-hot vectors rather than embeddings of tokens.

    Args:
        modulus: p, >= 2.
        train_fraction: the training split as a fraction of the p^2 pairs; valid and test are halves of the others.
        split_seed: seed of the split; independent of the run's seeds.
        properties: see DataProperties.
    """

    def __init__(
        self,
        modulus: Annotated[int, Ge(2)],
        train_fraction: PositiveFraction,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.modulus, self.train_fraction, self.split_seed = modulus, train_fraction, split_seed

    def load(self) -> Splits:
        others = (1 - self.train_fraction) / 2
        parts = three_way(self.modulus**2, others, others / (1 - others), self.split_seed)
        train, valid, test = (self._examples(torch.from_numpy(rows)) for rows in parts)
        return Splits(train, valid, test)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        return {"num_features": 2 * self.modulus, "num_classes": self.modulus, "num_outputs": self.modulus}

    def _examples(self, pairs: Tensor) -> Batch:
        """Return inputs and classes of pairs, which are given as a * modulus + b."""
        first, second = pairs // self.modulus, pairs % self.modulus
        inputs = torch.cat([one_hot(first, self.modulus), one_hot(second, self.modulus)], 1)
        return inputs.float(), (first + second) % self.modulus
