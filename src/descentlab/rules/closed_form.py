"""Linear regression in closed form: the weights at which the gradient of the mean squared error is zero.

Each function returns weight (outputs, features) and bias (outputs,) in the layout of torch.nn.Linear, float64, on the CPU. The
intercept is eliminated by centring: where the gradient is zero the residuals have mean zero, so b = mean(y) - W mean(x), and W
is the solution without intercept for the deviations from the means (Hastie et al., The Elements of Statistical Learning, 2009,
ch. 3.4.1).
"""

from __future__ import annotations

import torch
from torch import Tensor

SINGULAR = (
    "X'X is singular: a feature is constant, or a linear combination of others, or there are more features than examples; "
    "remove such features, or use ridge, or least_squares, which returns the solution with the smallest norm"
)


def normal_equation(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight and bias with the least mean squared error: X'X w = X'y, solved by a Cholesky factorization of X'X.

    The cost is O(n d^2) for X'X and O(d^3) to solve, and d^2 in memory; there is no step size and no iteration. The condition
    number of X'X is the square of that of X: with a condition of 10^6, 4 of the 16 digits of float64 are correct, where
    least_squares keeps 10.

    Args:
        x: (n, ...), flattened to (n, d) features.
        y: (n, outputs), or (n,) for one output.

    Raises:
        ValueError: if X'X is singular to working precision.

    Source: Goodfellow et al., Deep Learning, 2016, eq. 5.12; Golub and Van Loan, Matrix Computations, 2013, ch. 5.3.
    """
    return _solve(x, y, 0.0)


def least_squares(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight and bias with the least mean squared error, computed from X by LAPACK's gelsd.

    The result is the minimum-norm solution if it is not unique. gelsd uses a QR factorization, then singular values.

    The cost is O(n d^2 + d^3), a few times that of the normal equation; X'X, which squares the condition number, is never
    formed. Ill-conditioned features still reduce the precision, of the predictions less than of the weights.

    Args:
        x, y: as for normal_equation.

    Source: Golub and Van Loan, Matrix Computations, 2013, ch. 5.5.
    """
    x, y = _wide(x), _wide(y)
    solution = torch.linalg.lstsq(x - x.mean(0), y - y.mean(0), driver="gelsd").solution  # (d, outputs)
    return _with_bias(solution, x, y)


def ridge(x: Tensor, y: Tensor, weight_decay: float) -> tuple[Tensor, Tensor]:
    """Return the minimum of mse + weight_decay / 2 |W|^2, with the mean squared error over examples and outputs.

    Its gradient in W has the term weight_decay W, so that torch.optim.SGD(weight_decay=...) converges to it if only the
    weight decays; the bias does not. Setting it to zero gives (X'X + n outputs weight_decay / 2 I) w = X'y: scikit-learn's
    Ridge with alpha = n outputs weight_decay / 2. The cost is that of the normal equation; the condition is
    better, since a constant is added to the diagonal of X'X.

    Args:
        x, y: as for normal_equation.
        weight_decay: >= 0; 0 is the normal equation.

    Raises:
        ValueError: if weight_decay is negative, or too small to make a singular X'X regular.

    Source: Hoerl and Kennard, Technometrics 12, 1970; Hastie et al. 2009, eq. 3.44.
    """
    if weight_decay < 0:
        raise ValueError(f"weight_decay={weight_decay}: at least 0")
    return _solve(x, y, weight_decay * _wide(y).numel() / 2)


def _solve(x: Tensor, y: Tensor, diagonal: float) -> tuple[Tensor, Tensor]:
    """Return the weight and bias that solve (X'X + diagonal I) w = X'y for the deviations from the means."""
    x, y = _wide(x), _wide(y)
    deviations = x - x.mean(0)
    gram = deviations.T @ deviations  # (d, d)
    gram.diagonal().add_(diagonal)
    factor, failed = torch.linalg.cholesky_ex(gram)
    if failed or _is_singular(factor, gram, x):
        raise ValueError(SINGULAR)
    return _with_bias(torch.cholesky_solve(deviations.T @ (y - y.mean(0)), factor), x, y)


def _is_singular(factor: Tensor, gram: Tensor, x: Tensor) -> bool:
    """Return True if a pivot is a rounding error: of X'X for a linear combination of features, of the mean for a constant one.

    The square of pivot j is the part of the sum of squares of feature j that the preceding features do not explain.
    """
    pivots, rounding = factor.diagonal(), torch.finfo(x.dtype).eps * max(x.shape)
    dependent = pivots.square() <= rounding * gram.diagonal()
    constant = pivots <= rounding * x.norm(dim=0)
    return bool((dependent | constant).any())


def _with_bias(solution: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the weight (outputs, d) of a solution (d, outputs), and its bias (outputs,)."""
    return solution.T.contiguous(), y.mean(0) - x.mean(0) @ solution


def _wide(tensor: Tensor) -> Tensor:
    """Return `tensor` as float64 of shape (n, columns) on the CPU."""
    return tensor.detach().to("cpu", torch.float64).reshape(len(tensor), -1)
