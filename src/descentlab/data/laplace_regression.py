"""Linear regression with Laplace noise and a power-law spectrum, for the absolute error (Schaipp et al., arXiv:2501.18965)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Unpack

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray

from descentlab.config.types import Count, NonNegative, Positive, Seed
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits, tensor
from descentlab.data.loading.tensors import DataProperties, TensorData


class LaplaceRegression(TensorData):
    """Inputs x (rows, num_features); targets (rows, 1) x'w + noise in the training split, and x'w in the others.

    x has independent normal features whose variances are proportional to i^-spectrum, i = 1, 2, ..., with E |x|^2 = 1. w_i^2 is
    proportional to i^-source, with random signs and |w| = 1. The noise has a Laplace distribution. The minimum of E |x'v - y|
    over v is the scale of the noise; `task=laplace_regression` reports the excess over it.

    Args:
        rows: the number of examples of train, valid and test.
        noise: the scale of the Laplace distribution, which is its mean absolute value, > 0.
        spectrum, source: the exponents of the variances of the features and of the squared weights, >= 0.
        split_seed: seed of all draws; independent of the run's seeds.
        properties: see DataProperties.
    """

    def __init__(
        self,
        rows: Annotated[Sequence[Count], Len(3, 3)],
        noise: Positive,
        spectrum: NonNegative = 1.0,
        source: NonNegative = 1.0,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.rows, self.noise, self.split_seed = rows, noise, split_seed
        position = np.arange(1, properties.get("num_features", 1) + 1, dtype=np.float64)
        self.deviations = normalised(position ** (-spectrum / 2))
        self.sizes = normalised(position ** (-source / 2))

    def load(self) -> Splits:
        stream = np.random.default_rng(self.split_seed)
        weights = self.sizes * stream.choice([-1.0, 1.0], len(self.sizes))
        train, valid, test = (self._draw(rows, weights, stream) for rows in self.rows)
        noise = stream.laplace(0.0, self.noise, (self.rows[0], 1))
        return Splits((train[0], train[1] + tensor(noise)), valid, test)

    def _draw(self, rows: int, weights: NDArray[np.float64], stream: np.random.Generator) -> Batch:
        inputs = stream.standard_normal((rows, len(weights))) * self.deviations
        return tensor(inputs), tensor(inputs @ weights[:, None])


def normalised(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return `vector` divided by its Euclidean norm."""
    return vector / np.linalg.norm(vector)
