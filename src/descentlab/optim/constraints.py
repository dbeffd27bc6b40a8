"""Gradients orthogonal to the weights, and weights in an interval, for one run: transformations applied in place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from descentlab.errors import UsageError
from descentlab.optim.transforms import lists, orthogonal


@dataclass(frozen=True)
class OrthogonalGradient:
    """Gradients of each parameter made orthogonal to a direction, with the same norm; before clipping, noise and decay.

    Args:
        to: "weights": the weights of the parameter (OrthoGrad, see `orthogonal.make_orthogonal`); "random": a random
            direction, another one at each step, as a control; None: gradients are unchanged.
    """

    to: str | None = None

    @torch.no_grad()
    def __call__(self, parameters: Iterable[Tensor], seed: int, step: int, at: Mapping[Tensor, Tensor] | None = None) -> None:
        """Change the gradients of `parameters` in place.

        Args:
            seed, step: they determine random directions.
            at: parameter -> its weights, where the parameter holds others (SAM moves it before its second pass).

        Raises:
            UsageError: if a gradient is sparse.
        """
        chosen = [p for p in parameters if p.grad is not None] if self.to else []
        gradients = [p.grad for p in chosen if p.grad is not None]
        if any(gradient.is_sparse for gradient in gradients):
            raise UsageError("orthogonal_gradient would fill a sparse gradient: leave it out, or use model.sparse=false")
        weights = [(at or {}).get(p, p).detach() for p in chosen]
        lists.assign(gradients, self.of(gradients, weights, seed, step))

    def of(self, gradients: list[Tensor], weights: list[Tensor], seed: Tensor | int, step: Tensor | int) -> list[Tensor]:
        """Return the gradients that take the place of `gradients`."""
        if self.to is None:
            return gradients
        directions = weights if self.to == "weights" else orthogonal.random_directions(weights, seed, step)
        return orthogonal.make_orthogonal(gradients, directions)


@dataclass(frozen=True)
class Projection:
    """Projection of the weights on a box after each update: each weight is clamped to [low, high].

    This is projected gradient descent, as in online convex optimization (Zinkevich 2003), also for optimizers that scale the
    weights separately: the projection on a box is the same in every diagonal metric.

    Args:
        interval: low and high; None: no projection.
    """

    interval: Sequence[float] | None = None

    @torch.no_grad()
    def __call__(self, parameters: Iterable[Tensor]) -> None:
        """Project `parameters` in place."""
        if self.interval is not None:
            for parameter in parameters:
                parameter.clamp_(*self.interval)
