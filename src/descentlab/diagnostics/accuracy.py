"""The accuracy on the examples of the step."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.diagnostics.class_losses import logits_and_classes
from descentlab.diagnostics.probe import Context
from descentlab.parallel.collectives import summed


class Accuracy:
    """Measures the fraction of the step's examples whose class has the largest logit, at the weights before the step.

    With batch_size=full it is the accuracy on the training split.
    """

    name, cost, needs = "accuracy", "row", ("weights", "model")

    def measure(self, context: Context) -> dict[str, Tensor]:
        found = [logits_and_classes(context, batch) for batch in context.batches]
        correct = torch.cat([logits.argmax(1) == classes for logits, classes in found])
        sums = summed(torch.stack([correct.sum(), torch.tensor(len(correct), device=correct.device)]).double())
        return {"accuracy": sums[0] / sums[1]}
