"""Losses and gradients of the single examples of a batch, or of parts of it. With several processes means are collective."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.func import grad_and_value, vmap

from descentlab.diagnostics.curvature.objective import Objective
from descentlab.diagnostics.probe import Batch
from descentlab.parallel.collectives import summed

LARGEST = 2**26  # numbers of the gradients of all examples, 256 MiB in float32; above, gradients of parts are used


class Variation(NamedTuple):
    """Losses and gradients of p disjoint parts of a batch of B examples, of which this process has some.

    Args:
        sizes: the number of examples of each of this process's parts, (p,) for one process.
        losses: the mean loss of each part, (p,).
        gradients: its gradient, (p, n).
    """

    sizes: Tensor
    losses: Tensor
    gradients: Tensor

    @property
    def examples(self) -> int:
        """B."""
        return int(summed(self.sizes.sum()))

    @property
    def parts(self) -> int:
        """p."""
        return int(summed(torch.ones_like(self.sizes).sum()))

    def mean(self, values: Tensor) -> Tensor:
        """Return the mean over the examples of `values` (p, ...), one for each part."""
        return summed(torch.tensordot(self.sizes.to(values.dtype), values, 1)) / self.examples

    def variance(self, values: Tensor) -> float:
        """Return the variance over the examples of `values` (p, ...), summed over their elements; NaN if p = 1.

        It is the mean square between groups of the analysis of variance, sum_j b_j |v_j - v|^2 / (p - 1), an unbiased estimate
        for parts of any sizes b_j.
        """
        squares = (values - self.mean(values)).square().reshape(len(values), -1).sum(1)
        return float(summed(self.sizes.to(squares.dtype) @ squares)) / (self.parts - 1) if self.parts > 1 else torch.nan


def variation(objective: Objective, point: Tensor, parts: int) -> Variation:
    """Return losses and gradients of the examples, or of parts if a model does not allow single ones.

    Gradients of examples need torch.vmap. It does not support batch normalisation and recurrent cells, for example.

    Args:
        objective: has the batch.
        point: the weights, (n,).
        parts: the number of parts of the batch.
    """
    evaluate = grad_and_value(objective.batch_loss)
    examples = sum(len(batch[0]) for batch in objective.batches)
    if examples * objective.size <= LARGEST:
        try:
            return _of_examples(evaluate, objective, point)
        except (RuntimeError, ValueError):  # the first by vmap, the second by batch normalisation of a single example
            pass
    return _of_parts(evaluate, objective, point, parts)


Evaluate = Callable[[Tensor, Batch], tuple[Tensor, Tensor]]  # weights, batch -> gradient, loss


def _of_examples(evaluate: Evaluate, objective: Objective, point: Tensor) -> Variation:
    def of_example(*example: Tensor) -> tuple[Tensor, Tensor]:
        return evaluate(point, tuple(part.unsqueeze(0) for part in example))

    found = [vmap(of_example, randomness="different")(*batch) for batch in objective.batches]
    gradients, losses = (torch.cat(values) for values in zip(*found, strict=True))
    return Variation(torch.ones_like(losses), losses, gradients)


def _of_parts(evaluate: Evaluate, objective: Objective, point: Tensor, parts: int) -> Variation:
    each = -(-parts // len(objective.batches))
    batches = [
        part for batch in objective.batches for part in zip(*(tensor.tensor_split(each) for tensor in batch), strict=True)
    ]
    batches = [batch for batch in batches if len(batch[0])]
    found = [evaluate(point, batch) for batch in batches]
    gradients, losses = (torch.stack(values) for values in zip(*found, strict=True))
    sizes = torch.tensor([len(batch[0]) for batch in batches])
    return Variation(sizes.to(losses), losses, gradients)
