"""Linear regression without a descent: the weights at which the gradient of the mean squared error is zero.

Each function gives weight (outputs, features) and bias (outputs,) as torch.nn.Linear holds them, float64, on the CPU. The
intercept is taken out by centring: where the gradient is zero the residuals have mean zero, so b = mean(y) - W mean(x), and W
is the solution without intercept for the deviations from the means (Hastie et al., The Elements of Statistical Learning, 2009,
ch. 3.4.1).
"""

from __future__ import annotations

import torch
from torch import Tensor

CURE = (
    "X'X is singular: a feature is constant, or a sum of others, or there are more features than examples; leave such features "
    "out, or use ridge, or least_squares, which of all solutions takes the shortest"
)


def normal_equation(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The weight and bias with the least mean squared error: X'X w = X'y, solved by Cholesky's factors of X'X.

    The cost is O(n d^2) for X'X and O(d^3) to solve, in memory d^2; no step size, no iterations. The condition number of X'X
    is the square of X's: of float64's 16 digits a condition of 10^6 leaves four, where least_squares keeps ten.

    Args:
        x: (n, ...), flattened to (n, d) features.
        y: (n, outputs), or (n,) for one output.

    Raises:
        ValueError: X'X is singular, as far as its digits tell.

    Source: Goodfellow et al., Deep Learning, 2016, eq. 5.12; Golub and Van Loan, Matrix Computations, 2013, ch. 5.3.
    """
    return _solve(x, y, 0.0)


def least_squares(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The same minimum from X itself: LAPACK's gelsd (QR, then the singular values); the shortest weight if there are many.

    The cost is O(n d^2 + d^3) as well, a few times that of the normal equation; X'X, which squares the condition number, is
    never formed. Ill-conditioned features cost digits all the same; the predictions suffer less than the weights.

    Args:
        x, y: as for normal_equation.

    Source: Golub and Van Loan, Matrix Computations, 2013, ch. 5.5.
    """
    x, y = _wide(x), _wide(y)
    solution = torch.linalg.lstsq(x - x.mean(0), y - y.mean(0), driver="gelsd").solution  # (d, outputs)
    return _with_bias(solution, x, y)


def ridge(x: Tensor, y: Tensor, weight_decay: float) -> tuple[Tensor, Tensor]:
    """The minimum of mse + weight_decay / 2 |W|^2, the mean squared error of the regression task (over examples and outputs).

    Its gradient in W has the term weight_decay W, so it is where torch.optim.SGD(weight_decay=...) ends if only the weight
    decays; the bias does not. Setting it to zero gives (X'X + n outputs weight_decay / 2 I) w = X'y: scikit-learn's Ridge with
    alpha = n outputs weight_decay / 2. The cost is that of the normal equation; the condition is better, as X'X gains a
    constant on its diagonal.

    Args:
        x, y: as for normal_equation.
        weight_decay: at least 0, which is the normal equation.

    Raises:
        ValueError: weight_decay is negative, or too small to make a singular X'X regular.

    Source: Hoerl and Kennard, Technometrics 12, 1970; Hastie et al. 2009, eq. 3.44.
    """
    if weight_decay < 0:
        raise ValueError(f"weight_decay={weight_decay}: at least 0")
    return _solve(x, y, weight_decay * _wide(y).numel() / 2)


def _solve(x: Tensor, y: Tensor, diagonal: float) -> tuple[Tensor, Tensor]:
    """The weight and bias where (X'X + diagonal I) w = X'y, for deviations from the means."""
    x, y = _wide(x), _wide(y)
    deviations = x - x.mean(0)
    gram = deviations.T @ deviations + diagonal * torch.eye(x.shape[1], dtype=x.dtype)  # (d, d)
    factor, failed = torch.linalg.cholesky_ex(gram)
    if failed or _is_singular(factor, gram, x):
        raise ValueError(CURE)
    return _with_bias(torch.cholesky_solve(deviations.T @ (y - y.mean(0)), factor), x, y)


def _is_singular(factor: Tensor, gram: Tensor, x: Tensor) -> bool:
    """Whether a pivot is nothing but rounding: of X'X where features add up, of the mean where one is constant.

    The square of pivot j is what the features before it leave of the sum of squares of feature j.
    """
    pivots, rounding = factor.diagonal(), torch.finfo(x.dtype).eps * max(x.shape)
    adds_up = pivots.square() <= rounding * gram.diagonal()
    constant = pivots <= rounding * x.norm(dim=0)
    return bool((adds_up | constant).any())


def _with_bias(solution: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The weight (outputs, d) out of the solution (d, outputs), and its bias."""
    return solution.T.contiguous(), y.mean(0) - x.mean(0) @ solution


def _wide(tensor: Tensor) -> Tensor:
    """`tensor` as float64 of shape (n, columns) on the CPU."""
    return tensor.detach().to("cpu", torch.float64).reshape(len(tensor), -1)
