"""Over- and under-stepping: where the step ends, relative to the minimum along it."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.config.types import Count
from descentlab.diagnostics.curvature.examples import Variation, variation
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.measuring.batch_loss import without_autocast
from descentlab.diagnostics.probe import Context
from descentlab.rules.rule import precise

# Rows: value at 0, slope at 0, value at 1, slope at 1; columns: the coefficients of a + b t + c t^2.
DESIGN = torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 1, 1], [0, 1, 2]], dtype=torch.float64)
FLOOR = 1e-10  # smallest variance relative to the largest one


class Alpha:
    """Measures the step length relative to the minimum along the update (Schneider et al., arXiv:2102.06604, section 2).

    A parabola a + b t + c t^2 is fitted to the loss of the batch and its slope along the update, at the weights before (t = 0)
    and after the step (t = 1), by least squares with weights from their variances over the examples. alpha is 1 / t' - 1 for
    its minimum t' = -b / (2 c): -1 for no step, negative for an end before the minimum, 0 for the minimum, 1 for the point
    behind it where the loss is as before, and below -1 for a step away from the minimum. It is -1 for a parabola without a
    minimum, as in Cockpit. Departure: Cockpit takes loss and slope after the step from the next batch, and this from the same
    batch.

    Args:
        parts: number of parts of a batch, >= 2, where the model does not allow gradients of single examples.
    """

    name, cost, needs = "alpha", "full", ("weights", "model")

    def __init__(self, parts: Count = 8) -> None:
        self.parts = parts

    @without_autocast
    def measure(self, context: Context) -> dict[str, float]:
        objective = Objective(context)
        end = objective.flat(context.after)
        update = end - objective.point
        before, after = (observed(variation(objective, point, self.parts), update) for point in (objective.point, end))
        means, variances = (torch.cat(values) for values in zip(before, after, strict=True))
        return {"alpha": position(*fit(means, variances)[1:].tolist())}


def observed(found: Variation, update: Tensor) -> tuple[Tensor, Tensor]:
    """Return the loss of the batch and its slope along `update` (n,), (2,), and the variances of these two means, (2,)."""
    values = precise(torch.stack([found.losses, found.gradients @ update], 1))
    variances = [found.variance(column) / found.examples for column in values.unbind(1)]
    return found.mean(values).cpu().double(), torch.tensor(variances, dtype=torch.float64)


def fit(means: Tensor, variances: Tensor) -> Tensor:
    """Return the coefficients a, b, c of the parabola, (3,); NaN if a mean is not finite.

    Args:
        means: the observations in the order of DESIGN, (4,).
        variances: of the means, (4,). If all are zero or not known, the weights are equal.
    """
    if not means.isfinite().all():
        return torch.full((3,), torch.nan, dtype=torch.float64)
    highest = variances.max()
    known = bool(highest.isfinite() and highest > 0)
    roots = variances.clamp(min=FLOOR * highest).rsqrt() if known else torch.ones(4, dtype=torch.float64)
    return torch.linalg.lstsq(DESIGN * roots[:, None], means * roots).solution


def position(slope: float, curvature: float) -> float:
    """Return 1 / t' - 1 for the minimum t' of slope t + curvature t^2; -1 if there is none, inf if the step begins there."""
    if curvature <= 0:
        return -1.0
    return -2 * curvature / slope - 1 if slope else float("inf")
