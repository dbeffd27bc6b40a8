"""The loss of the examples of each class."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from descentlab.config.types import Count
from descentlab.diagnostics.probe import Batch, Context, Numbers
from descentlab.errors import UsageError
from descentlab.parallel.collectives import summed


class ClassLosses:
    """Measures the mean cross-entropy of the step's examples of each class, at the weights before the step.

    Without groups, `class_loss` (of layers.parquet) has a number for each class that occurs in the batch. With groups, which
    cost less, the curves `class_loss_1`, `class_loss_2`, ... have the mean over the examples of the first groups[0] classes, of
    the next groups[1] classes, and so on. Weights of classes and auxiliary losses are not included. With batch_size=full it is
    the loss of the training split.

    Source: Kunstner et al., arXiv:2402.19449, figure 1 (the loss of groups of classes with similar frequencies).

    Args:
        groups: the numbers of consecutive classes of each group; None: each class is measured.
    """

    name, cost, needs = "class_losses", "row", ("weights", "model")

    def __init__(self, groups: Sequence[Count] | None = None) -> None:
        self.groups = groups

    def measure(self, context: Context) -> Numbers:
        losses, counts = (summed(part) for part in sums_of_classes(context))
        if self.groups is not None:
            return dict(_means_of_groups(losses, counts, self.groups))
        means: list[float] = (losses / counts).tolist()
        return {"class_loss": {str(number): mean for number, mean in enumerate(means) if not math.isnan(mean)}}


def _means_of_groups(losses: Tensor, counts: Tensor, groups: Sequence[int]) -> Iterator[tuple[str, Tensor]]:
    if sum(groups) > len(losses):
        raise UsageError(f"diagnostics.class_losses.groups has {sum(groups)} classes; the model has {len(losses)}")
    first = 0
    for number, size in enumerate(groups, 1):
        yield f"class_loss_{number}", losses[first : first + size].sum() / counts[first : first + size].sum()
        first += size


def sums_of_classes(context: Context) -> tuple[Tensor, Tensor]:
    """Return the sum of the losses of each class, and the number of its examples, both of shape (classes,), in float64.

    Raises:
        UsageError: the model does not return logits of classes.
    """
    found: list[tuple[Tensor, Tensor]] = []
    for batch in context.batches:
        logits, classes = logits_and_classes(context, batch)
        each = cross_entropy(logits.double(), classes, reduction="none")
        zeros = torch.zeros(logits.shape[1], dtype=each.dtype, device=each.device)
        found.append((zeros.index_add(0, classes, each), zeros.index_add(0, classes, torch.ones_like(each))))
    return sum_of([losses for losses, _ in found]), sum_of([counts for _, counts in found])


def logits_and_classes(context: Context, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the logits at the weights before the step, of shape (examples, classes), and the classes, of shape (examples,).

    Raises:
        UsageError: the model does not return logits of classes.
    """
    with torch.no_grad():
        outputs = context.batch_loss(batch).outputs(context.before)
    logits, classes = outputs[0], batch[-1]
    if not isinstance(logits, Tensor) or logits.dim() != 2 or classes.dim() != 1 or classes.is_floating_point():
        raise UsageError("this probe needs a model that returns logits, and targets that are classes")
    return logits, classes


def sum_of(parts: Sequence[Tensor]) -> Tensor:
    """Return the sum of tensors of the same shape."""
    return torch.stack(list(parts)).sum(0)
