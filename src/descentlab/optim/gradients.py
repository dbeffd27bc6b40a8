"""What may happen to a gradient before the update: weight decay added to it, its length bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.optim import Optimizer

from descentlab.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Bounds on the gradient: `norm` on its Euclidean length over all parameters, `value` on each element; None: no bound."""

    norm: float | None = None
    value: float | None = None

    def __call__(self, parameters: Iterable[Tensor]) -> None:
        parameters = list(parameters)
        if self.value is not None:
            for p in parameters:
                if p.grad is not None and p.grad.is_sparse:
                    p.grad = p.grad.coalesce()  # a row that occurs twice has the sum of both
                    p.grad.values().clamp_(-self.value, self.value)
            if dense := [p for p in parameters if p.grad is not None and not p.grad.is_sparse]:
                clip_grad_value_(dense, self.value)
        if self.norm is not None:
            clip_grad_norm_(parameters, self.norm)


@dataclass(frozen=True, kw_only=True)
class Decay:
    """Weight decay beside any optimizer's own (Loshchilov and Hutter, arXiv:1711.05101).

    The methods' `factor` is the decay schedule's, which rate is multiplied by.

    Args:
        rate: None: none but the optimizer's own.
        kind: coupled: g <- g + rate w, which the optimizer then scales (L2); decoupled: w <- w - lr rate w (torch's AdamW);
            independent: w <- w - multiplier rate w, whatever the learning rate (the paper's Algorithm 2).
        to: all parameters, or "matrices": those with two or more dimensions, not biases and norms.
    """

    rate: float | None = None
    kind: str = "decoupled"
    to: str = "all"

    @property
    def coupled(self) -> bool:
        return bool(self.rate) and self.kind == "coupled"

    def to_gradients(self, optimizer: Optimizer, factor: float = 1.0, at: Mapping[Tensor, Tensor] | None = None) -> None:
        """Add the coupled kind; `at` holds the weights that it is of where they have been moved (SAM).

        Raises:
            UsageError: a gradient is sparse.
        """
        if not self.coupled or not self.rate:
            return
        weights = [p for group in optimizer.param_groups for p in self._decayed(group) if p.grad is not None]
        gradients = [p.grad for p in weights if p.grad is not None]
        if any(gradient.is_sparse for gradient in gradients):
            raise UsageError("decay.kind=coupled would fill a sparse gradient: use decay.kind=decoupled")
        added = [(at or {}).get(p, p).detach() for p in weights]
        torch._foreach_add_(gradients, added, alpha=self.rate * factor)  # pyright: ignore[reportPrivateImportUsage]

    def penalty(self, optimizer: Optimizer, factor: float = 1.0) -> Tensor | float:
        """What the coupled kind is the gradient of, for optimizers that look at the loss: rate / 2 |w|^2."""
        if not self.coupled or not self.rate:
            return 0.0
        weights = [p.detach() for group in optimizer.param_groups for p in self._decayed(group)]
        return 0.5 * self.rate * factor * sum(p.square().sum() for p in weights)

    def to_weights(self, optimizer: Optimizer, multiplier: float, factor: float = 1.0) -> None:
        """Shrink the weights by the other kinds; `multiplier` is the learning-rate schedule's."""
        if not self.rate or self.kind == "coupled":
            return
        for group in optimizer.param_groups:
            shrink = self.rate * factor * (multiplier if self.kind == "independent" else group["lr"])
            weights = [p.detach() for p in self._decayed(group) if p.grad is not None]
            if weights:
                torch._foreach_mul_(weights, 1 - shrink)  # pyright: ignore[reportPrivateImportUsage]

    def _decayed(self, group: dict[str, Any]) -> list[Tensor]:
        return [p for p in group["params"] if self.to == "all" or p.dim() >= 2]
