"""Euclidean norm of the gradient."""

from __future__ import annotations

from torch import Tensor

from descentlab.diagnostics.probe import Context
from descentlab.optim.captured import Copies
from descentlab.parallel.weights import norm


class GradNorm:
    """Measures the norm of the batch's gradient, all parameters taken as one vector, before clipping and decay."""

    name, cost, needs = "grad_norm", "row", ("gradients",)

    def measure(self, context: Context) -> dict[str, Tensor]:
        if isinstance(context.gradients, Copies):
            return {"grad_norm": context.gradients.norm()}
        return {"grad_norm": norm(list(context.gradients.values()))}
