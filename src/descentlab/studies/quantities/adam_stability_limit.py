"""The curvature above which Adam diverges on a quadratic."""

from __future__ import annotations


def adam_stability_limit(lr: float, beta1: float = 0.9) -> float:
    """Return (2 + 2 beta1) / ((1 - beta1) lr), the limit of the largest eigenvalue of the preconditioned Hessian P^-1 H.

    P is the diagonal by which the update divides the first moment, here with the bias corrections of both moments. Gradient
    descent, beta1 = 0, has 2 / lr.

    Source: Cohen et al. (2022), arXiv:2207.14484, section 3.

    Args:
        lr: learning rate.
        beta1: decay rate of the first moment, in [0, 1).

    Raises:
        ValueError: `lr` is not positive, or `beta1` is not in [0, 1).
    """
    if lr <= 0 or not 0 <= beta1 < 1:
        raise ValueError(f"no stability limit for lr={lr:g}, beta1={beta1:g}")
    return (2 + 2 * beta1) / ((1 - beta1) * lr)
