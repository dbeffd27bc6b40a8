"""The share of examples whose loss is exactly zero."""

from __future__ import annotations

import torch
from torch import Tensor

from descentlab.diagnostics.probe import Batch, Context
from descentlab.parallel.collectives import summed


class ZeroLosses:
    """Measures the fraction of the step's examples whose loss is exactly 0, at the weights before the step.

    Their gradients vanish because the softmax of the correct class is rounded to 1 ("softmax collapse"; Prieto et al.,
    arXiv:2501.04697, section 3.1). The loss is that of the task in the precision of training.
    """

    name, cost, needs = "zero_losses", "row", ("weights", "model")

    def measure(self, context: Context) -> dict[str, Tensor]:
        with torch.no_grad():
            each = torch.cat([losses_of_examples(context, batch) for batch in context.batches])
        found = summed(torch.stack([(each == 0).sum(), torch.tensor(len(each), device=each.device)]).double())
        return {"zero_losses": found[0] / found[1]}


def losses_of_examples(context: Context, batch: Batch) -> Tensor:
    """Return the loss of each example at the weights before the step, shape (examples,), from one evaluation of the model."""
    loss = context.batch_loss(batch)
    (outputs,) = loss.outputs(context.before)

    def of_one(output: Tensor, *example: Tensor) -> Tensor:
        one = tuple(part[None] for part in example)
        return loss.functions.task_loss(lambda _inputs: output[None], one)

    return torch.vmap(of_one)(outputs, *loss.batch)
