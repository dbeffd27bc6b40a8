"""The gradient noise scale, which estimates the critical batch size."""

from __future__ import annotations

from descentlab.config.types import Count
from descentlab.diagnostics.curvature.examples import variation
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.measuring.batch_loss import without_autocast
from descentlab.diagnostics.probe import Context


class NoiseScale:
    """Measures the simple noise scale tr(S) / |G|^2 (McCandlish et al., arXiv:1812.06162, eq. 2.9), in examples.

    S is the covariance of the gradients of single examples, and G the gradient of the expected loss. Batches much smaller than
    the noise scale are averaged away by the learning rate, and much larger ones waste computation: it estimates the critical
    batch size.

    gradient_variance is the unbiased estimate of tr(S) from the gradients of the examples of the batch, or of parts of it, and
    gradient_square is |g|^2 - tr(S) / B, the unbiased estimate of |G|^2 for a batch of B examples with mean gradient g. For
    parts of equal size b, these are appendix A.1 of the paper with batches of b and B. noise_scale is their ratio; it is left
    out where the estimate of |G|^2 is not positive. The ratio of means over several steps is more accurate than the mean
    of ratios.

    Args:
        parts: number of parts of a batch, >= 2, where the model does not allow gradients of single examples.
    """

    name, cost, needs = "noise_scale", "full", ("weights", "model")

    def __init__(self, parts: Count = 8) -> None:
        self.parts = parts

    @without_autocast
    def measure(self, context: Context) -> dict[str, float]:
        objective = Objective(context)
        found = variation(objective, objective.point, self.parts)
        if found.parts == 1:  # no variance can be estimated
            return {}
        variance = found.variance(found.gradients)
        square = float(found.mean(found.gradients).square().sum()) - variance / found.examples
        numbers = {"gradient_variance": variance, "gradient_square": square}
        return {**numbers, "noise_scale": variance / square} if square > 0 else numbers
