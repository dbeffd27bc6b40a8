"""The Lanczos method with full reorthogonalisation (Golub and Van Loan, Matrix Computations, 4th edition, section 10.1)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from descentlab.diagnostics.curvature.operators import Operator


class Ritz(NamedTuple):
    """Approximations of eigenvalues.

    Args:
        values: ascending, (m,), float64 on the CPU.
        errors: of each a bound on the distance to the nearest eigenvalue, the norm of the residual, (m,).
        weights: the squared first component of each eigenvector of T, (m,): the weights of Gauss's quadrature.
    """

    values: Tensor
    errors: Tensor
    weights: Tensor


class Krylov(NamedTuple):
    """The matrix T = Q' A Q of A in the orthonormal basis Q of a Krylov space.

    Args:
        diagonal: of T, m numbers.
        below: the numbers below the diagonal of T, and last the norm of what the space misses of A times its last vector.
    """

    diagonal: list[float]
    below: list[float]

    @property
    def matrix(self) -> Tensor:
        """T, (m, m), float64."""
        diagonal, below = torch.tensor(self.diagonal, dtype=torch.float64), torch.tensor(self.below, dtype=torch.float64)
        return diagonal.diag() + below[:-1].diag(1) + below[:-1].diag(-1)

    def ritz(self) -> Ritz:
        """Return the eigenvalues of T; NaN if a product was not finite."""
        matrix = self.matrix
        if not matrix.isfinite().all():
            missing = torch.full((len(self.diagonal),), torch.nan, dtype=torch.float64)
            return Ritz(missing, missing, missing)
        values, vectors = torch.linalg.eigh(matrix)
        return Ritz(values, self.below[-1] * vectors[-1].abs(), vectors[0].square())


def lanczos(
    operator: Operator, start: Tensor, steps: int, generator: torch.Generator, tolerance: float | None = None
) -> Krylov:
    """Return T after `steps` products, or n if that is less.

    Where the Krylov space is complete before, a random vector that is orthogonal to it continues, so that n products give all
    eigenvalues with their multiplicities.

    Args:
        operator: the matrix A, (n, n).
        start: the first vector, (n,), of any norm > 0.
        steps: the largest number of products.
        generator: of the vectors that continue a complete space.
        tolerance: stop as soon as the error bound of the largest eigenvalue is below `tolerance` times its absolute value.
    """
    steps = min(steps, operator.size)
    basis = start.new_zeros(steps, operator.size)
    basis[0] = start / torch.linalg.vector_norm(start)
    found = Krylov([], [])
    for step in range(steps):
        image = operator.product(basis[step])
        found.diagonal.append(float(image @ basis[step]))
        rest = orthogonal(image, basis[: step + 1])
        found.below.append(float(torch.linalg.vector_norm(rest)))
        if step + 1 == steps or (tolerance is not None and is_settled(found, tolerance)):
            break
        if not found.below[-1] > torch.finfo(start.dtype).eps * max(map(abs, (*found.diagonal, *found.below[:-1]))):
            found.below[-1] = 0.0
            rest = orthogonal(random_direction(operator, generator), basis[: step + 1])
        basis[step + 1] = rest / torch.linalg.vector_norm(rest)
    return found


def largest(operator: Operator, steps: int, generator: torch.Generator, tolerance: float) -> float:
    """Return the largest eigenvalue, to the relative `tolerance` if `steps` products suffice."""
    krylov = lanczos(operator, random_direction(operator, generator), steps, generator, tolerance)
    return float(krylov.ritz().values[-1])


def is_settled(found: Krylov, tolerance: float) -> bool:
    """Return True if the error bound of the largest eigenvalue is at most `tolerance` times its absolute value."""
    ritz = found.ritz()
    return len(ritz.values) > 1 and bool(ritz.errors[-1] <= tolerance * ritz.values[-1].abs())


def orthogonal(vector: Tensor, basis: Tensor) -> Tensor:
    """Return the part of `vector` (n,) that is orthogonal to the orthonormal rows of `basis` (m, n).

    It is computed twice, which suffices for orthogonality to machine precision (Parlett 1998, section 6.9).
    """
    for _ in range(2):
        vector = vector - basis.T @ (basis @ vector)
    return vector


def random_direction(operator: Operator, generator: torch.Generator) -> Tensor:
    """Return a vector (n,) of uniformly random direction, drawn on the CPU, so that all devices get the same."""
    return torch.randn(operator.size, generator=generator, dtype=torch.float64).to(operator.like.dtype).to(operator.like.device)
