"""What the probes of the spectrum of a matrix have in common."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from descentlab.config.types import Count
from descentlab.diagnostics.curvature.hutchinson import Estimate, trace
from descentlab.diagnostics.curvature.operators import Operator
from descentlab.diagnostics.curvature.slq import Spectrum, spectrum
from descentlab.diagnostics.measuring.batch_loss import without_autocast
from descentlab.diagnostics.probe import Context, Numbers


class SpectrumProbe:
    """Measures extreme eigenvalues, trace, and distribution of the eigenvalues of a symmetric matrix.

    The numbers, each with the prefix of the matrix: max, max_2, ... and min, min_2, ... are the largest and the smallest
    eigenvalues, error the largest bound on their errors, trace and trace_error the trace and its standard error, negative the
    fraction of negative eigenvalues; density (in layers.parquet) has the fraction of the eigenvalues in each bin.

    Args:
        eigenvalues: how many of the largest, and of the smallest eigenvalues.
        steps: products of each Lanczos process. If there are as few weights, all numbers are exact.
        vectors: number of Lanczos processes, over which the distribution is averaged.
        samples: number of products for the trace.
    """

    name: str
    cost = "full"
    needs: Sequence[str] = ("weights", "model")
    prefix: str

    def __init__(self, eigenvalues: Count = 3, steps: Count = 16, vectors: Count = 2, samples: Count = 8) -> None:
        self.eigenvalues, self.steps, self.vectors, self.samples = eigenvalues, steps, vectors, samples

    def operator(self, context: Context) -> Operator | None:
        """Return the matrix; None if it is not defined."""
        raise NotImplementedError

    @without_autocast
    def measure(self, context: Context) -> Numbers:
        """Return the numbers; none if the matrix is not defined."""
        operator = self.operator(context)
        if operator is None:
            return {}
        generator = torch.Generator().manual_seed(context.step)
        found = spectrum(operator, self.steps, self.vectors, generator)
        whole = Estimate(float(found.values.sum()), 0.0) if found.is_complete else trace(operator, self.samples, generator)
        numbers = {**self._extremes(found), "trace": whole.mean, "negative": found.negative()}
        if found.is_complete or self.samples > 1:
            numbers["trace_error"] = whole.error
        return {f"{self.prefix}_{name}": value for name, value in {**numbers, "density": found.density()}.items()}

    def _extremes(self, found: Spectrum) -> dict[str, float]:
        values, errors = found.ritz.values.tolist(), found.ritz.errors
        count = min(self.eigenvalues, len(values))
        names = ["", *(f"_{place}" for place in range(2, count + 1))]
        highest = {f"max{name}": values[-1 - place] for place, name in enumerate(names)}
        lowest = {f"min{name}": values[place] for place, name in enumerate(names)}
        return {**highest, **lowest, "error": float(torch.maximum(errors[:count].max(), errors[-count:].max()))}
