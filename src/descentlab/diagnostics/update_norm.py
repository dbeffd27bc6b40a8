"""Euclidean norm of the update."""

from __future__ import annotations

from torch import Tensor

from descentlab.compat import foreach
from descentlab.diagnostics.probe import Context
from descentlab.parallel.weights import norm


class UpdateNorm:
    """Measures the norm of the difference of the weights after and before the step, all parameters taken as one vector."""

    name, cost, needs = "update_norm", "light", ("weights",)

    def measure(self, context: Context) -> dict[str, Tensor]:
        after, before = list(context.after.values()), list(context.before.values())
        return {"update_norm": norm(foreach("sub", after, before))}
