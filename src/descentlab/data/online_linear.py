"""Coefficients of linear losses that arrive in a fixed order: the online problem on which Adam does not converge."""

from typing import Unpack

import torch

from descentlab.config.types import Count
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData


class OnlineLinear(TensorData):
    """Coefficients c_t (points, 1), without targets: `rare` at the first step of each period, `common` at the others.

    With batch_size=1 and shuffle=false, the loss of step t is c_t x for a point x. With the values of the paper, 1010 and
    -10, the mean loss on [-1, 1] is smallest at -1, and Adam moves to 1. All splits are the same.

    Source: Reddi et al., arXiv:1904.09237, section 5, the online setting of the synthetic experiments.

    Args:
        rare, common: the coefficients.
        points: the number of coefficients, of which the first is rare.
        properties: see DataProperties.
    """

    def __init__(
        self, rare: float = 1010.0, common: float = -10.0, points: Count = 101, **properties: Unpack[DataProperties]
    ) -> None:
        super().__init__(**properties)
        self.coefficients = torch.full((points, 1), float(common))
        self.coefficients[0] = rare

    def load(self) -> Splits:
        train, valid, test = ((self.coefficients.clone(),) for _ in range(3))
        return Splits(train, valid, test)
