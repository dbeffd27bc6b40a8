"""Averages of the weights over steps, to evaluate at instead of the last ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from descentlab.errors import UsageError
from descentlab.optim.schedules import in_steps


@dataclass(frozen=True, kw_only=True)
class Average:
    """The config's `average` node.

    Args:
        kind: none; ema: a <- d a + (1 - d) w after every step, d = min(decay, (1 + n) / (10 + n)) at the n-th, so that the
            first weights are soon forgotten; swa: the plain mean (Izmailov et al., arXiv:1803.05407, one point a step).
        decay: of ema.
        start: the step from which weights enter; below 1: a fraction of the run. Before it, weights are as they are.
    """

    kind: str = "none"
    decay: float = 0.999
    start: float = 0

    def tracker(self, weights: Sequence[Tensor], total: int | None) -> Tracker | None:
        """What averages `weights` in a run of `total` steps.

        Raises:
            UsageError: none of them would enter.
        """
        if self.kind == "none":
            return None
        start = in_steps(self.start, total)
        if total is not None and start >= total:
            raise UsageError(f"average.start={self.start:g}: the run has {total} steps, so that nothing would be averaged")
        return Tracker(self, weights, start)


class Tracker:
    """The average of `weights` from step `start` on, in 32 bits or more; `count` weights are in it."""

    def __init__(self, average: Average, weights: Sequence[Tensor], start: int) -> None:
        self.average, self.start, self.count = average, start, 0
        self.weights = [weight.detach() for weight in weights]
        self.mean: list[Tensor] = []

    def update(self, step: int) -> None:
        """Take in the weights after `step` steps."""
        if step <= self.start:
            return
        if not self.mean:
            self.mean = [weight.to(torch.promote_types(weight.dtype, torch.float32), copy=True) for weight in self.weights]
        else:
            now = [weight.to(mean.dtype) for weight, mean in zip(self.weights, self.mean, strict=True)]
            torch._foreach_lerp_(self.mean, now, self._share())  # pyright: ignore[reportPrivateImportUsage]
        self.count += 1

    def _share(self) -> float:
        """The new weights' share in the mean."""
        if self.average.kind == "swa":
            return 1 / (self.count + 1)
        return 1 - min(self.average.decay, (1 + self.count) / (10 + self.count))

    def put(self) -> None:
        """Set the weights to their average, if there is one."""
        if self.mean:
            torch._foreach_copy_(self.weights, self.mean)  # pyright: ignore[reportPrivateImportUsage]

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "mean": [tensor.clone() for tensor in self.mean]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]
        self.mean = [saved.to(weight.device, copy=True) for saved, weight in zip(state["mean"], self.weights, strict=False)]
