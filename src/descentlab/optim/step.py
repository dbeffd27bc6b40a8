"""What one optimizer step is: schedule, forward, backward through the strategy, update. Every optimizer goes through here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from descentlab.optim.schedules import Schedule

if TYPE_CHECKING:
    from lightning.pytorch.core.optimizer import LightningOptimizer

    from descentlab.data.loader import Part


class Step:
    """Takes one step at a time and counts them; `count` is the x axis of every curve.

    Args:
        loss: batch -> scalar mean loss of the model as it is.
        backward: accumulates gradients; averages them over processes.
        optimizer: as the strategy wraps it.
        schedule: step, total -> multiplier of each parameter group's initial learning rate.
        total: the run's steps, if known.
    """

    def __init__(
        self,
        loss: Callable[[tuple[Tensor, ...]], Tensor],
        backward: Callable[[Tensor], None],
        optimizer: LightningOptimizer,
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

    def _norm(self) -> Tensor:
        grads = [p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None]
        return torch.nn.utils.get_total_norm(grads)
