"""The largest eigenvalue of the Hessian, relative to the value at which the optimizer becomes unstable."""

from __future__ import annotations

from dataclasses import replace

import torch

from descentlab.config.types import Count, PositiveFraction
from descentlab.diagnostics.curvature.lanczos import largest
from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.curvature.operators import hessian, scaled
from descentlab.diagnostics.measuring.batch_loss import without_autocast
from descentlab.diagnostics.probe import Context


class Sharpness:
    """Measures the largest eigenvalue s of the Hessian of the loss at the weights before the step.

    sharpness is s, sharpness_ratio is lr s / 2: gradient descent diverges on a quadratic where it exceeds 1 (Cohen et al.,
    arXiv:2103.00065). stability_ratio takes the optimizer into account: it is lr times the largest eigenvalue of
    D H divided by its own limit, for example 2 (1 + b) for momentum b, or 38 for Adam with b1 = 0.9, whose D is
    that of preconditioned_hessian (Cohen et al., arXiv:2207.14484). It is left out if the limit is not known.

    The loss is that of the step's batch or, with `examples`, that of the same training examples at every step, which does not
    depend on the batch size; sharpness_loss is then its value.

    Args:
        steps: the largest number of Lanczos steps, each a product with the Hessian.
        tolerance: relative error of the eigenvalue at which they end.
        examples: the number of examples, the first of the training split; None: the batch of the step.
    """

    name, cost, needs = "sharpness", "full", ("weights", "model")

    def __init__(self, steps: Count = 30, tolerance: PositiveFraction = 1e-2, examples: Count | None = None) -> None:
        self.steps, self.tolerance, self.examples = steps, tolerance, examples

    @without_autocast
    def measure(self, context: Context) -> dict[str, float]:
        if self.examples is not None:
            context = replace(context, batches=[context.training(self.examples)])
        objective = Objective(context)
        operator = hessian(objective)
        generator = torch.Generator().manual_seed(context.step)
        sharpness = largest(operator, self.steps, generator, self.tolerance)
        lr = float(context.lr)
        found = {"sharpness": sharpness, "sharpness_ratio": lr * sharpness / 2}
        if self.examples is not None:
            found["sharpness_loss"] = float(objective.loss(objective.point))
        limit, diagonal = context.stability_limit(), context.preconditioner()
        if limit is None:
            return found
        if diagonal is not None:
            sharpness = largest(scaled(operator, objective.flat(diagonal)), self.steps, generator, self.tolerance)
        return {**found, "stability_ratio": lr * sharpness / limit}
