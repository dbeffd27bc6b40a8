"""Points that do not depend on scores: scrambled Sobol and Halton sequences (scipy.stats.qmc), and uniform random numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from descentlab.config.search import Range
from descentlab.tuning.samplers.base import Unit, library


class Points(ABC):
    """A sequence whose first points stay the same when more are requested. Arms with equally many keys have equal points."""

    size = None
    uses = "scipy"

    def __init__(self, ranges: Sequence[Range], trials: int, seed: int) -> None:
        self.dimension, self.seed = len(ranges), seed
        self.library = library(self.uses)
        self.units: list[Unit] = []

    def propose(self, count: int, scores: Sequence[float | None]) -> Sequence[Unit]:
        """Return the first `count` points of the sequence."""
        if len(self.units) < count:
            self.units = self.draw(1 << (count - 1).bit_length())  # Sobol's sequence is balanced at powers of 2
        return self.units[:count]

    @abstractmethod
    def draw(self, count: int) -> list[Unit]:
        """Return the first `count` points, a power of 2."""


class Sobol(Points):
    """A Sobol sequence, scrambled (Owen 1998) with the seed."""

    def draw(self, count: int) -> list[Unit]:
        from scipy.stats import qmc

        return qmc.Sobol(self.dimension, scramble=True, rng=self.seed).random(count).tolist()


class Halton(Points):
    """A Halton sequence, scrambled (Owen 2017) with the seed."""

    def draw(self, count: int) -> list[Unit]:
        from scipy.stats import qmc

        return qmc.Halton(self.dimension, scramble=True, rng=self.seed).random(count).tolist()


class Random(Points):
    """Independent uniform points."""

    uses = "numpy"

    def draw(self, count: int) -> list[Unit]:
        import numpy as np

        return np.random.default_rng(self.seed).random((count, self.dimension)).tolist()
