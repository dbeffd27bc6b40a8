"""The loss of a step's batch as a function of one flat vector of weights. With several processes its methods are collective."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor

from descentlab.diagnostics.measuring.batch_loss import precise
from descentlab.diagnostics.measuring.model_functions import NEEDS_WHOLE_WEIGHTS
from descentlab.diagnostics.probe import Batch, Context, Named
from descentlab.errors import UsageError
from descentlab.parallel.collectives import summed


class Objective:
    """The mean loss of the batch of a step over all processes, at any weights.

    Args:
        context: of the step; its `before` gives the names, shapes and order of the weights.

    Attributes:
        size: the number n of weights.
        point: the weights before the step, (n,), in float32, or in float64 if they are.
        batches: the microbatches of this process.
        shares: the number of examples of each divided by that of the batch.

    Raises:
        UsageError: the weights are sharded.
    """

    def __init__(self, context: Context) -> None:
        if any(isinstance(weight, DTensor) for weight in context.before.values()):
            raise UsageError(NEEDS_WHOLE_WEIGHTS)
        self.context = context
        self.shapes = {name: weight.shape for name, weight in context.before.items()}
        self.point = self.flat(context.before)
        self.size = self.point.numel()
        self.batches: Sequence[Batch] = context.batches
        examples = [len(batch[0]) for batch in self.batches]
        whole = float(summed(self.point.new_tensor(sum(examples))))
        self.shares = [number / whole for number in examples]

    def flat(self, tensors: Named) -> Tensor:
        """Return the tensors of all weights as one vector, (n,)."""
        return torch.cat(precise([tensors[name].detach().flatten() for name in self.shapes]))

    def named(self, vector: Tensor) -> dict[str, Tensor]:
        """Return the parts of `vector` (n,) by the name of the weight, in its shape."""
        parts = vector.split([shape.numel() for shape in self.shapes.values()])
        return {name: part.view(shape) for (name, shape), part in zip(self.shapes.items(), parts, strict=True)}

    def batch_loss(self, vector: Tensor, batch: Batch) -> Tensor:
        """Return the mean loss of the microbatch `batch` at the weights `vector`."""
        return self.context.batch_loss(batch)(self.named(vector))

    def loss(self, vector: Tensor) -> Tensor:
        """Return the loss at the weights `vector`, without a graph."""
        with torch.no_grad():
            return self.mean(lambda batch: self.batch_loss(vector, batch))

    def gradient(self, vector: Tensor) -> Tensor:
        """Return the gradient of `loss`, (n,)."""
        return self.mean(lambda batch: torch.func.grad(self.batch_loss)(vector, batch))

    def mean(self, value: Callable[[Batch], Tensor]) -> Tensor:
        """Return the mean of `value`, a function of a microbatch, weighted by the numbers of examples."""
        values = (share * value(batch) for share, batch in zip(self.shares, self.batches, strict=True))
        return summed(reduce(torch.add, values))
