"""Singular values of updates that Newton-Schulz iterations make nearly orthogonal."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from descentlab.rules.muon import COEFFICIENTS, newton_schulz


class SingularValues(NamedTuple):
    """Singular values before and after the iterations, in the same order.

    Args:
        before: those of the matrix divided by its Frobenius norm, descending, (r,).
        after: u' X v of the result X, for the singular vectors u and v of the matrix, (r,); 1 if X is orthogonal.
    """

    before: Tensor
    after: Tensor

    def extremes(self, least: float = 2e-3) -> tuple[float, float]:
        """Return the smallest and the largest value after, of those that are at least `least` before.

        Smaller ones are not brought to 1, since five iterations multiply them by 485 at most. Columns of zeros, such as those
        of constant inputs, have singular values of 0. NaN if none is large enough.
        """
        kept = self.after[self.before >= least]
        return (float(kept.min()), float(kept.max())) if len(kept) else (torch.nan, torch.nan)


def orthogonalized(
    matrix: Tensor,
    steps: int = 5,
    coefficients: tuple[float, float, float] = COEFFICIENTS,
    eps: float = 1e-7,
    dtype: torch.dtype = torch.bfloat16,
) -> SingularValues:
    """Return the singular values of `matrix` (rows, columns) before and after the Newton-Schulz iterations of Muon.

    Source: Jordan et al. (2024), kellerjordan.github.io/posts/muon.

    Args:
        matrix: for instance the momentum of a weight matrix; not zero.
        steps, coefficients, eps: of the iteration, see rules/muon.py.
        dtype: in which it is computed.
    """
    exact = matrix.double()
    left, before, right = torch.linalg.svd(exact, full_matrices=False)
    result = newton_schulz(matrix.to(dtype), coefficients, eps, steps).double()
    return SingularValues(before / exact.norm(), (left * (result @ right.mT)).sum(0))
