"""Averages of the weights over steps, used in place of the last weights in evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from descentlab.errors import UsageError
from descentlab.optim.schedules import in_steps
from descentlab.optim.transforms import average, lists


@dataclass(frozen=True, kw_only=True)
class Average:
    """Settings of the average of the weights, from the config's `average` node.

    Args:
        kind: none; ema, an exponential moving average: a <- d a + (1 - d) w after every step, with
            d = min(decay, (1 + n) / (10 + n)) at the n-th, so that the first weights are soon forgotten; or swa, the plain
            mean (Izmailov et al., arXiv:1803.05407, one point per step).
        decay: the decay of ema, in [0, 1).
        start: the step from which weights are averaged; below 1, a fraction of the run. Earlier evaluations use the weights
            themselves.
    """

    kind: str = "none"
    decay: float = 0.999
    start: float = 0

    def averaged(self, weights: Sequence[Tensor], total: int | None) -> AveragedWeights | None:
        """Return the average of `weights` in a run of `total` steps (None: unknown), or None if the kind is none.

        Raises:
            UsageError: if the average starts after the run's last step.
        """
        if self.kind == "none":
            return None
        start = self.first_step(total)
        if total is not None and start >= total:
            raise UsageError(f"average.start={self.start:g}: the run has {total} steps, so that nothing would be averaged")
        return AveragedWeights(self, weights, start)

    def first_step(self, total: int | None) -> int:
        """Return `start` as a number of steps."""
        return in_steps(self.start, total)


class AveragedWeights:
    """The running average of `weights`, from step `start` on, in float32 or wider.

    Attributes:
        mean: the average of each weight; empty before `start`.
        count: the number of steps averaged.
    """

    def __init__(self, settings: Average, weights: Sequence[Tensor], start: int) -> None:
        self.settings, self.start, self.count = settings, start, 0
        self.parameters = list(weights)
        self.weights = [weight.detach() for weight in weights]
        self.mean: list[Tensor] = []

    def update(self, step: int) -> None:
        """Include the weights after `step` steps."""
        if step <= self.start:
            return
        self.mean = average.update(self.mean, self.weights, self._share()) if self.mean else average.start(self.weights)
        self.count += 1

    def _share(self) -> average.Number:
        swa = self.settings.kind == "swa"
        return average.swa_share(self.count) if swa else average.ema_share(self.count, self.settings.decay)

    def copy_to_weights(self) -> None:
        """Set the weights to their average, if there is one."""
        if self.mean:
            lists.assign([weight.detach() for weight in self.parameters], self.mean)  # the model may have moved since

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "mean": [tensor.clone() for tensor in self.mean]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count = state["count"]
        self.mean = [saved.to(weight.device, copy=True) for saved, weight in zip(state["mean"], self.weights, strict=False)]
