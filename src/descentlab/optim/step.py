"""What one optimizer step is: schedule, forward, backward through the strategy, update. Every optimizer goes through here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.strategies import Strategy
from lightning.pytorch.utilities.model_helpers import is_overridden
from torch import Tensor
from torch.optim import Optimizer

from descentlab.optim.schedules import Schedule
from descentlab.weights import norm

if TYPE_CHECKING:
    from descentlab.data.loader import Part


LISTENING = ("on_before_backward", "on_after_backward", "on_before_optimizer_step")


def hands_through(trainer: L.Trainer) -> bool:
    """Whether Lightning would do nothing between the parts of a step: no gradient scaler, no callback that listens.

    Its own way through a step (manual_backward, LightningOptimizer.step) costs about as much as a step of softmax
    regression on 128 examples, for looking after hooks that are empty.
    """
    listens = any(is_overridden(hook, callback, L.Callback) for callback in trainer.callbacks for hook in LISTENING)  # pyright: ignore[reportAttributeAccessIssue]
    return not listens and getattr(trainer.precision_plugin, "scaler", None) is None


def backward_through(strategy: Strategy, loss: Tensor) -> None:
    """Accumulate the gradients of `loss`, averaged over processes where the strategy has several."""
    strategy.pre_backward(loss)
    loss.backward()
    strategy.post_backward(loss)


class Step:
    """Takes one step at a time and counts them; `count` is the x axis of every curve.

    Args:
        loss: batch -> scalar mean loss of the model as it is.
        backward: accumulates gradients; averages them over processes.
        optimizer: bare, or wrapped by Lightning where it has something to add.
        schedule: step, total -> multiplier of each parameter group's initial learning rate.
        total: the run's steps, if known.
    """

    def __init__(
        self,
        loss: Callable[[tuple[Tensor, ...]], Tensor],
        backward: Callable[[Tensor], None],
        optimizer: Optimizer | LightningOptimizer,
        schedule: Schedule,
        total: int | None,
    ) -> None:
        self.loss, self.backward, self.optimizer = loss, backward, optimizer
        self.schedule, self.total = schedule, total
        self.count = 0
        self.multiplier = 1.0
        self.grad_norm = torch.tensor(math.nan)
        self.initial_lrs = [group["lr"] for group in optimizer.param_groups]

    def __call__(self, parts: Sequence[Part], measure: bool = False) -> Tensor:
        """Update the weights once; returns the loss before the update, this process's share of it.

        Args:
            parts: of the batch.
            measure: set `grad_norm`, the Euclidean norm of the whole gradient, a scalar.
        """
        self._schedule()
        self.optimizer.zero_grad()
        losses = [self._part(part) for part in parts]
        if measure:  # before the update, which may change gradients in place
            self.grad_norm = self._norm()
        self.optimizer.step()
        self.count += 1
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    def _part(self, part: Part) -> Tensor:
        loss = self.loss(part.batch)
        if part.weight != 1.0:
            loss = loss * part.weight
        self.backward(loss)
        return loss.detach()

    def _schedule(self) -> None:
        multiplier = self.schedule(self.count, self.total)
        if multiplier == self.multiplier:
            return
        self.multiplier = multiplier
        for group, lr in zip(self.optimizer.param_groups, self.initial_lrs, strict=True):
            group["lr"] = lr * multiplier

    @property
    def lr(self) -> float:
        """The learning rate of the last step, of the first parameter group."""
        return float(self.optimizer.param_groups[0]["lr"])

    @property
    def bare_optimizer(self) -> Optimizer:
        """The optimizer itself, without Lightning's wrapping."""
        return self.optimizer.optimizer if isinstance(self.optimizer, LightningOptimizer) else self.optimizer

    def go_on_from(self, count: int) -> None:
        """Take the next step as the one after `count`, the optimizer having been given its state of then."""
        self.count = count
        self.multiplier = math.nan  # unlike any: the learning rates are set anew

    def _norm(self) -> Tensor:
        grads = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        return norm(grads)
