"""Points that do not depend on scores: scrambled Sobol and Halton sequences (scipy.stats.qmc), and uniform random numbers."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.tuning.samplers.base import Unit, library


class Sequences:
    """A sequence whose first points stay the same when more are requested. Arms with equally many keys have equal points.

    Source: Owen 1998 (scrambling) as in scipy.stats.qmc.

    Args:
        kind: sobol, halton or random.
        dimension: the number of coordinates.
        seed: of the scrambling, or of the random numbers.
    """

    size = None

    def __init__(self, kind: str, dimension: int, seed: int) -> None:
        self.kind, self.dimension, self.seed = kind, dimension, seed
        self.library = library("numpy" if kind == "random" else "scipy")
        self.units: list[Unit] = []

    def propose(self, count: int, scores: Sequence[float | None]) -> Sequence[Unit]:
        """Return the first `count` points of the sequence."""
        if len(self.units) < count:
            self.units = self._draw(1 << (count - 1).bit_length())  # Sobol's sequence is balanced at powers of 2
        return self.units[:count]

    def _draw(self, count: int) -> list[Unit]:
        import numpy as np
        from scipy.stats import qmc

        if self.kind == "random":
            return np.random.default_rng(self.seed).random((count, self.dimension)).tolist()
        engine = {"sobol": qmc.Sobol, "halton": qmc.Halton}[self.kind]
        return engine(self.dimension, scramble=True, rng=self.seed).random(count).tolist()
