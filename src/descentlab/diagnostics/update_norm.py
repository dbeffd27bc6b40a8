"""Euclidean norm of the update."""

from __future__ import annotations

from torch import Tensor

from descentlab.compat import foreach, is_vmapped
from descentlab.diagnostics.probe import Context
from descentlab.optim.copies import Copies
from descentlab.parallel.weights import norm


class UpdateNorm:
    """Measures the norm of the difference of the weights after and before the step, all parameters taken as one vector."""

    name, cost, needs = "update_norm", "row", ("weights",)

    def measure(self, context: Context) -> dict[str, Tensor]:
        after = list(context.after.values())
        if isinstance(context.before, Copies):
            return {"update_norm": context.before.distance(after)}
        before = list(context.before.values())
        if after and is_vmapped(after[0]):  # in a fused group
            return {"update_norm": norm([new - old for new, old in zip(after, before, strict=True)])}
        return {"update_norm": norm(foreach("sub", after, before))}
