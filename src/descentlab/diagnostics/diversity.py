"""The diversity of the gradients of the examples of a batch."""

from __future__ import annotations

from descentlab.config.types import Count
from descentlab.diagnostics.curvature.examples import variation
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.measuring.batch_loss import without_autocast
from descentlab.diagnostics.probe import Context


class Diversity:
    """Measures the gradient diversity sum_i |g_i|^2 / |sum_i g_i|^2 (Yin et al., arXiv:1706.05699).

    The sums are over the B examples of the batch. diversity is 1 / B if all gradients are equal, and 1 if they are orthogonal.
    diversity_batch is B times it, the paper's bound on the batch size up to which more examples speed up the convergence of
    SGD, measured on the batch instead of the whole training set.

    Args:
        parts: number of parts of a batch, >= 2, where the model does not allow gradients of single examples; sum_i |g_i|^2 is
            then estimated from their variance.
    """

    name, cost, needs = "diversity", "full", ("weights", "model")

    def __init__(self, parts: Count = 8) -> None:
        self.parts = parts

    @without_autocast
    def measure(self, context: Context) -> dict[str, float]:
        objective = Objective(context)
        found = variation(objective, objective.point, self.parts)
        examples = found.examples
        if examples > 1 and found.parts == 1:
            return {}
        mean = float(found.mean(found.gradients).square().sum())
        spread = found.variance(found.gradients) * (examples - 1) / examples if examples > 1 else 0.0
        diversity = (mean + spread) / (examples * mean) if mean else float("inf")
        return {"diversity": diversity, "diversity_batch": examples * diversity}
