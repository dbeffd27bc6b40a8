"""The weights that a run is judged by, where they are not those that it trains: averages, schedule-free's x."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from descentlab.optim.average import Tracker
from descentlab.optim.composite import parts_of
from descentlab.parallel import weights

RECALIBRATION = 50  # batches that running statistics are taken anew from


def has_modes(optimizer: Optimizer) -> bool:
    """Whether weights must be looked at in the optimizer's eval mode."""
    return any(hasattr(each, "train") and hasattr(each, "eval") for each in parts_of(optimizer))


class Look:
    """The evaluation weights of a run: `begin` puts them into the model, `end` puts the trained ones back, bit for bit.

    How often a run is validated therefore does not change its training. Before the first step the evaluation weights are the
    training weights: `begin` does not call the optimizer's eval(), which may need the state that the first step creates.

    Args:
        model: whose weights they are.
        optimizer: perhaps with train() and eval().
        tracker: of an average of the weights.
        steps: returns how many steps have been taken.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, tracker: Tracker | None, steps: Callable[[], int]) -> None:
        self.model, self.optimizer, self.tracker, self.steps = model, optimizer, tracker, steps
        self.modes = has_modes(optimizer)
        if self.modes:
            _prepare(optimizer)
        self.kept: list[tuple[Tensor, Tensor]] = []

    def needs_batches(self) -> bool:
        """Whether running statistics belong to other weights than those to be judged."""
        return (self.modes or self.tracker is not None) and any(_batch_norms(self.model))

    def begin(self, inputs: Iterable[Tensor]) -> None:
        """Put the evaluation weights into the model.

        Args:
            inputs: of recent batches, each (batch, ...), for running statistics; read only where `needs_batches`.
        """
        if not self.steps() or (not self.modes and self.tracker is None):
            return
        weights.sharded(self.model)  # or what it has gathered would be looked at, not what is put into the shards
        tensors = [tensor.detach() for tensor in (*self.model.parameters(), *self.model.buffers())]
        self.kept = [(tensor, tensor.clone()) for tensor in tensors]
        if self.modes:
            self.optimizer.eval()  # pyright: ignore[reportAttributeAccessIssue]
        if self.tracker is not None:
            self.tracker.put()
        if self.needs_batches():
            recalibrate(self.model, inputs)

    def end(self) -> None:
        if not self.kept:
            return
        if self.modes:
            self.optimizer.train()  # pyright: ignore[reportAttributeAccessIssue]
        weights.sharded(self.model)
        for tensor, before in self.kept:
            tensor.copy_(before)
        self.kept = []


def _prepare(optimizer: Optimizer) -> None:
    """Put `optimizer` into train mode before its first step, which some require.

    Others cannot be put into a mode before they have state, and are in train mode from the start: what they raise is ignored,
    since a mode that was needed and is missing is reported by step().
    """
    for part in parts_of(optimizer):
        if hasattr(part, "train") and hasattr(part, "eval"):
            with contextlib.suppress(Exception):
                part.train()  # pyright: ignore[reportAttributeAccessIssue]


@torch.no_grad()
def recalibrate(model: nn.Module, inputs: Iterable[Tensor]) -> None:
    """Take the running statistics of batch normalisation anew, as means over `inputs` (Izmailov et al., arXiv:1803.05407, 3.2).

    Only batch normalisation is in training mode meanwhile: no random number is drawn. Without inputs, nothing changes.
    """
    batches, norms = list(inputs), list(_batch_norms(model))
    if not batches:
        return
    before = [(norm.momentum, norm.training) for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean
        norm.train()
    for batch in batches:
        model(batch)
    for norm, (momentum, training) in zip(norms, before, strict=True):
        norm.momentum = momentum
        norm.train(training)


def _batch_norms(model: nn.Module) -> Iterable[_BatchNorm]:
    return (module for module in model.modules() if isinstance(module, _BatchNorm) and module.track_running_stats)


class FrozenStatistics:
    """Context in which batch normalisation normalises by the batch, as in training, but takes no note of it."""

    def __init__(self, model: nn.Module) -> None:
        self.norms = list(_batch_norms(model))

    def __enter__(self) -> None:
        for norm in self.norms:
            norm.track_running_stats = False

    def __exit__(self, *_: object) -> None:
        for norm in self.norms:
            norm.track_running_stats = True
