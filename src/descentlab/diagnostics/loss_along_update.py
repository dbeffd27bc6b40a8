"""The loss of the batch at several fractions of the update."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.measuring.batch_loss import without_autocast
from descentlab.diagnostics.probe import Context, Numbers

FRACTIONS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)


class LossAlongUpdate:
    """Measures the loss of the step's batch at w + t u for the weights w before the step, its update u, and several t.

    loss_along_update (in layers.parquet) has the losses by t. best_fraction is the t with the lowest of them: less than 1 if
    the step was too long, more if it was too short for its own batch.

    Args:
        fractions: the values of t.
    """

    name, cost, needs = "loss_along_update", "full", ("weights", "model")

    def __init__(self, fractions: Sequence[float] = FRACTIONS) -> None:
        self.fractions = fractions

    @without_autocast
    def measure(self, context: Context) -> Numbers:
        objective = Objective(context)
        update = objective.flat(context.after) - objective.point
        losses = {t: float(objective.loss(objective.point + t * update)) for t in self.fractions}
        best = min(losses, key=losses.__getitem__)
        return {"loss_along_update": {f"{t:g}": loss for t, loss in losses.items()}, "best_fraction": best}
