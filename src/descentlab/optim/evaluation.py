"""Evaluation weights, where they differ from the training weights: averages of them, or the x of schedule-free optimizers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from descentlab.compat import is_batch_norm
from descentlab.optim.average import AveragedWeights
from descentlab.optim.composite import parts_of
from descentlab.parallel import weights

if TYPE_CHECKING:
    from descentlab.compat import BatchNorm

RECALIBRATION = 50  # batches from which running statistics are recomputed


def has_modes(optimizer: Optimizer) -> bool:
    """Return True if the optimizer has train() and eval(), so that weights must be evaluated in its eval mode."""
    return any(hasattr(each, "train") and hasattr(each, "eval") for each in parts_of(optimizer))


class EvaluationWeights:
    """Puts the evaluation weights of a run into the model (`apply`), and the training weights back, bit for bit (`restore`).

    Validations therefore do not affect training. Before the first step the evaluation weights are the
    training weights: `apply` does not call the optimizer's eval(), which may need the state that the first step creates.

    Args:
        model: the module that holds the weights.
        optimizer: its train() and eval() are called, if it has them.
        average: the running average of the weights, or None.
        steps: a function that returns the number of steps taken so far.
    """

    def __init__(
        self, model: nn.Module, optimizer: Optimizer, average: AveragedWeights | None, steps: Callable[[], int]
    ) -> None:
        self.model, self.optimizer, self.average, self.steps = model, optimizer, average, steps
        self.modes = has_modes(optimizer)
        if self.modes:
            _prepare(optimizer)
        self.saved: list[tuple[Tensor, Tensor]] = []

    def needs_batches(self) -> bool:
        """Return True if running statistics must be recomputed: those of the model belong to the training weights."""
        return (self.modes or self.average is not None) and any(_batch_norms(self.model))

    def apply(self, inputs: Iterable[Tensor]) -> None:
        """Put the evaluation weights into the model.

        Args:
            inputs: inputs of recent batches, each (batch, ...), for running statistics; read only if `needs_batches`.
        """
        if not self.steps() or (not self.modes and self.average is None):
            return
        weights.reshard(self.model)  # otherwise gathered weights would be evaluated, not those put into the shards
        tensors = [tensor.detach() for tensor in (*self.model.parameters(), *self.model.buffers())]
        self.saved = [(tensor, tensor.clone()) for tensor in tensors]
        if self.modes:
            self.optimizer.eval()  # pyright: ignore[reportAttributeAccessIssue]
        if self.average is not None:
            self.average.copy_to_weights()
        if self.needs_batches():
            recalibrate(self.model, inputs)

    def restore(self) -> None:
        """Put the training weights back; without a preceding `apply`, do nothing."""
        if not self.saved:
            return
        if self.modes:
            self.optimizer.train()  # pyright: ignore[reportAttributeAccessIssue]
        weights.reshard(self.model)
        for tensor, before in self.saved:
            tensor.copy_(before)
        self.saved = []


def _prepare(optimizer: Optimizer) -> None:
    """Put `optimizer` into train mode before its first step, which some optimizers require.

    Others cannot change mode before they have state, and are in train mode from the start: their exceptions are ignored,
    since step() reports a mode that is required and missing.
    """
    for part in parts_of(optimizer):
        if hasattr(part, "train") and hasattr(part, "eval"):
            with contextlib.suppress(Exception):
                part.train()  # pyright: ignore[reportAttributeAccessIssue]


@torch.no_grad()
def recalibrate(model: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Recompute the running statistics of batch normalisation as means over `inputs` (Izmailov et al., arXiv:1803.05407, 3.2).

    Only batch normalisation is in training mode meanwhile, so that no random number is drawn. Without inputs, nothing changes.

    Args:
        inputs: batches of model inputs, each (batch, ...).
    """
    batches, norms = list(inputs), list(_batch_norms(model))
    if not batches:
        return
    before = [(norm.momentum, norm.training) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # None makes torch compute a plain mean
        norm.train()
    for batch in batches:
        model(batch)
    for norm, (momentum, training) in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.train(training)


def _batch_norms(model: nn.Module) -> Iterable[BatchNorm]:
    return (module for module in model.modules() if is_batch_norm(module) and module.track_running_stats)


class FrozenStatistics:
    """Context in which batch normalisation uses the statistics of the batch, as in training, but does not update its own."""

    def __init__(self, model: nn.Module) -> None:
        self.norms = list(_batch_norms(model))

    def __enter__(self) -> None:
        for norm in self.norms:
            norm.track_running_stats = False

    def __exit__(self, *_: object) -> None:
        for norm in self.norms:
            norm.track_running_stats = True
