"""Euclidean norm of the update."""

from __future__ import annotations

from torch import Tensor

from descentlab.diagnostics.measuring.layers import differences
from descentlab.diagnostics.probe import Context
from descentlab.optim.captured import Copies
from descentlab.parallel.weights import norm


class UpdateNorm:
    """Measures the norm of the difference of the weights after and before the step, all parameters taken as one vector."""

    name, cost, needs = "update_norm", "row", ("weights",)

    def measure(self, context: Context) -> dict[str, Tensor]:
        if isinstance(context.before, Copies):
            return {"update_norm": context.before.distance(list(context.after.values()))}
        return {"update_norm": norm(list(differences(context.after, context.before).values()))}
