"""The distance to a critical point, and the fraction of directions of negative curvature."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from descentlab.config.types import Count
from descentlab.diagnostics.curvature.lanczos import Krylov, lanczos
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.curvature.operators import hessian
from descentlab.diagnostics.curvature.slq import spectrum
from descentlab.diagnostics.measuring.batch_loss import without_autocast
from descentlab.diagnostics.probe import Context


class CriticalPoint:
    """Measures how far the weights before the step are from a critical point of the batch's loss, and of which kind it is.

    critical_gradient is the norm of the gradient g. critical_distance is the length of the Newton step, |H^-1 g|: the distance
    to the critical point of the quadratic model of the loss. The step is the least-squares solution in the Krylov space of H
    and g (MINRES, Paige and Saunders 1975), so that the distance is a lower estimate while `steps` is too small.
    saddle_index is the fraction of the eigenvalues of H that are negative (Dauphin et al., arXiv:1406.2572), by
    stochastic Lanczos quadrature: 0 at a minimum, about 1/2 far from one.

    Args:
        steps: Lanczos steps of the distance, and of each quadrature. If there are as few weights, all numbers are exact.
        vectors: number of quadratures.
    """

    name, cost, needs = "critical_point", "full", ("weights", "model")

    def __init__(self, steps: Count = 16, vectors: Count = 2) -> None:
        self.steps, self.vectors = steps, vectors

    @without_autocast
    def measure(self, context: Context) -> dict[str, float]:
        objective = Objective(context)
        operator = hessian(objective)
        generator = torch.Generator().manual_seed(context.step)
        gradient = objective.gradient(objective.point)
        norm = float(torch.linalg.vector_norm(gradient))
        index = spectrum(operator, self.steps, self.vectors, generator).negative()
        if not math.isfinite(norm):
            return {"critical_gradient": norm, "critical_distance": math.nan, "saddle_index": index}
        rounding = 10 * torch.finfo(gradient.dtype).eps
        distance = newton_length(lanczos(operator, gradient, self.steps, generator), norm, rounding) if norm else 0.0
        return {"critical_gradient": norm, "critical_distance": distance, "saddle_index": index}


def newton_length(krylov: Krylov, norm: float, rounding: float = 0.0) -> float:
    """Return |y| for the y of least |T y - |g| e_1|, where T (m + 1, m) maps the Krylov space of g to the next larger one.

    Args:
        krylov: of the Hessian, started at g.
        norm: |g|.
        rounding: singular values of T below it, relative to the largest one, are taken as zero.
    """
    matrix = krylov.matrix
    if not matrix.isfinite().all():
        return math.nan
    below: Tensor = torch.zeros(1, len(matrix), dtype=torch.float64)
    below[0, -1] = krylov.below[-1]
    target = torch.zeros(len(matrix) + 1, 1, dtype=torch.float64)
    target[0] = norm
    solution = torch.linalg.lstsq(torch.cat([matrix, below]), target, rcond=rounding, driver="gelsd").solution
    return float(torch.linalg.vector_norm(solution))
