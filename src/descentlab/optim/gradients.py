"""Clipping, noise and weight decay of one run: the pure functions of optim.transforms applied in place."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from descentlab.errors import UsageError
from descentlab.optim.transforms import clip, decay, lists, noise


@dataclass(frozen=True, kw_only=True)
class Clip:
    """Gradient clipping: by element, then adaptively, then by norm.

    Args:
        norm: bound on the Euclidean norm over all parameters, > 0; None: no bound.
        value: bound on the absolute value of each element, > 0; None: no bound.
        adaptive: bound on the ratio of the norms of gradient and weights of each unit, > 0 (see `clip.clip_adaptively`); None:
            no bound.
    """

    norm: float | None = None
    value: float | None = None
    adaptive: float | None = None

    @torch.no_grad()
    def __call__(self, parameters: Iterable[Tensor], output_layer: Collection[Tensor] = ()) -> None:
        """Clip the gradients of `parameters` in place; adaptively only those that are not in `output_layer`."""
        if self.value is None and self.norm is None and self.adaptive is None:
            return
        parameters = [p for p in parameters if p.grad is not None]
        if self.value is not None:
            values = _elements(parameters)
            lists.assign(values, clip.clip_by_value(values, self.value))
        if self.adaptive is not None:
            others = [p for p in parameters if p not in output_layer]
            gradients = _elements(others)
            weights = [_weights_of(p) for p in others]
            lists.assign(gradients, clip.clip_adaptively(gradients, weights, self.adaptive))
        if self.norm is not None:
            gradients = [p.grad for p in parameters if p.grad is not None]
            lists.assign(gradients, clip.clip_by_norm(gradients, self.norm))


def _weights_of(parameter: Tensor) -> Tensor:
    """Return the weights of a parameter; with a sparse gradient, which was coalesced, those that it concerns."""
    weights = parameter.detach()
    if parameter.grad is None or not parameter.grad.is_sparse:
        return weights
    return weights[tuple(parameter.grad.indices())]


@dataclass(frozen=True, kw_only=True)
class GradientNoise:
    """Normal noise that is added to the gradients after clipping, with the variance std^2 / (1 + step)^decay.

    Source: Neelakantan et al., arXiv:1511.06807, eq. 2, with eta = std^2 and gamma = decay, steps counted from 0.

    Args:
        std: the standard deviation of each element at the first step, > 0; None: no noise.
        decay: the exponent, >= 0; 0: the same noise at every step.
    """

    std: float | None = None
    decay: float = 0.55

    def deviation(self, step: int) -> float:
        """Return the standard deviation at `step`, counted from 0; 0 without noise."""
        return (self.std or 0.0) / (1 + step) ** (self.decay / 2)

    @torch.no_grad()
    def __call__(self, parameters: Iterable[Tensor], seed: int, step: int) -> None:
        """Add noise to the gradients of `parameters` in place.

        Raises:
            UsageError: if a gradient is sparse.
        """
        gradients = [p.grad for p in parameters if p.grad is not None] if self.std is not None else []
        if any(gradient.is_sparse for gradient in gradients):
            raise UsageError("noise.std would fill a sparse gradient: leave it out, or use model.sparse=false")
        lists.assign(gradients, noise.add_noise(gradients, self.deviation(step), seed, step))


def _elements(parameters: Iterable[Tensor]) -> list[Tensor]:
    """Return the gradients of `parameters`; for a sparse gradient its values, after coalescing."""
    elements: list[Tensor] = []
    for p in parameters:
        if p.grad is not None and p.grad.is_sparse:
            p.grad = p.grad.coalesce()
            elements.append(p.grad.values())
        elif p.grad is not None:
            elements.append(p.grad)
    return elements


@dataclass(frozen=True, kw_only=True)
class Decay:
    """Weight decay in addition to the optimizer's own (Loshchilov and Hutter, arXiv:1711.05101).

    The argument `factor` of the methods is the value of the decay schedule, by which the rate is multiplied.

    Args:
        rate: >= 0; None: only the optimizer's own decay.
        kind: coupled: g <- g + rate w, which the optimizer then scales (L2); decoupled: w <- w - lr rate w (torch's AdamW);
            independent: w <- w - multiplier rate w, whatever the learning rate (the paper's Algorithm 2).
        to: all parameters, or "matrices": those with two or more dimensions, not biases and norms.
    """

    rate: float | None = None
    kind: str = "decoupled"
    to: str = "all"

    @property
    def coupled(self) -> bool:
        """True if decay is added to the gradients."""
        return bool(self.rate) and self.kind == "coupled"

    def to_gradients(self, optimizer: Optimizer, factor: float = 1.0, at: Mapping[Tensor, Tensor] | None = None) -> None:
        """Add coupled decay to the gradients.

        Args:
            at: parameter -> the weights to decay, where the parameter holds others (SAM moves it before its second pass).

        Raises:
            UsageError: if a gradient is sparse.
        """
        if not self.coupled or not self.rate:
            return
        parameters = [p for group in optimizer.param_groups for p in self._decayed(group) if p.grad is not None]
        gradients = [p.grad for p in parameters if p.grad is not None]
        if any(gradient.is_sparse for gradient in gradients):
            raise UsageError("decay.kind=coupled would fill a sparse gradient: use decay.kind=decoupled")
        weights = [(at or {}).get(p, p).detach() for p in parameters]
        lists.assign(gradients, decay.coupled([gradient.detach() for gradient in gradients], weights, self.rate * factor))

    def penalty(self, optimizer: Optimizer, factor: float = 1.0) -> Tensor | float:
        """Return rate / 2 |w|^2, whose gradient is coupled decay, for optimizers that evaluate the loss; else 0."""
        if not self.coupled or not self.rate:
            return 0.0
        weights = [p.detach() for group in optimizer.param_groups for p in self._decayed(group)]
        return 0.5 * self.rate * factor * sum(p.square().sum() for p in weights)

    def to_weights(self, optimizer: Optimizer, multiplier: float, factor: float = 1.0) -> None:
        """Apply decoupled or independent decay to the weights; `multiplier` is that of the learning-rate schedule."""
        if not self.rate or self.kind == "coupled":
            return
        for group in optimizer.param_groups:
            shrink = self.rate * factor * (multiplier if self.kind == "independent" else group["lr"])
            weights = [p.detach() for p in self._decayed(group) if p.grad is not None]
            lists.assign(weights, decay.decoupled(weights, shrink))

    def _decayed(self, group: dict[str, Any]) -> list[Tensor]:
        return [p for p in group["params"] if self.to == "all" or p.dim() >= 2]
