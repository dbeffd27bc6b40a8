"""What may happen to a gradient before the update: weight decay added to it, its length bounded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Bounds on the gradient: `norm` on its Euclidean length over all parameters, `value` on each element; None: no bound."""

    norm: float | None = None
    value: float | None = None

    def __call__(self, parameters: Iterable[Tensor]) -> None:
        parameters = list(parameters)
        if self.value is not None:
            clip_grad_value_(parameters, self.value)
        if self.norm is not None:
            clip_grad_norm_(parameters, self.norm)


@dataclass(frozen=True, kw_only=True)
class Decay:
    """Weight decay beside any optimizer's own (Loshchilov and Hutter, arXiv:1711.05101).

    Args:
        rate: None: none but the optimizer's own.
        kind: coupled: g <- g + rate w, which the optimizer then scales (L2); decoupled: w <- w - lr rate w (torch's AdamW);
            independent: w <- w - multiplier rate w, whatever the learning rate (the paper's Algorithm 2).
        to: all parameters, or "matrices": those with two or more dimensions, not biases and norms.
    """

    rate: float | None = None
    kind: str = "decoupled"
    to: str = "all"

    def to_gradients(self, optimizer: Optimizer) -> None:
        """Add the coupled kind."""
        if self.rate and self.kind == "coupled":
            weights = [p for group in optimizer.param_groups for p in self._decayed(group) if p.grad is not None]
            gradients = [p.grad for p in weights if p.grad is not None]
            torch._foreach_add_(gradients, [p.detach() for p in weights], alpha=self.rate)  # pyright: ignore[reportPrivateImportUsage]

    def to_weights(self, optimizer: Optimizer, multiplier: float) -> None:
        """Shrink the weights by the other kinds; `multiplier` is the schedule's."""
        if not self.rate or self.kind == "coupled":
            return
        for group in optimizer.param_groups:
            shrink = self.rate * (multiplier if self.kind == "independent" else group["lr"])
            weights = [p.detach() for p in self._decayed(group) if p.grad is not None]
            if weights:
                torch._foreach_mul_(weights, 1 - shrink)  # pyright: ignore[reportPrivateImportUsage]

    def _decayed(self, group: dict[str, Any]) -> list[Tensor]:
        return [p for p in group["params"] if self.to == "all" or p.dim() >= 2]
