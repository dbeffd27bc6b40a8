"""The outcome of stacked runs: divergence, best weights, and results as columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.store.record import Status

Values = NDArray[np.float64]
LAST = 20  # steps whose mean loss is a result


class StackedOutcome:
    """Counterpart of `training.outcome.Outcome` for stacked runs, with the same rules, without targets and early stopping.

    Args:
        size: the number of runs.
        divergence: `stop.divergence` of the config.
        monitor: the validation metric that decides which weights are best.
        mode: min or max.
    """

    def __init__(self, size: int, divergence: float | None, monitor: str, mode: str) -> None:
        self.divergence, self.monitor, self.mode = divergence, monitor, mode
        self.bound = np.full(size, np.inf)  # the loss above which a run has diverged
        self.diverged_step = np.full(size, -1)
        self.first_loss, self.last_loss = np.full(size, np.nan), np.full(size, np.nan)
        self.last_losses = np.empty((0, size))  # of the last steps, (at most LAST, runs)
        self.best, self.best_step = np.full(size, np.nan), np.full(size, -1)
        self.valid: dict[str, Values] = {}
        self.test: dict[str, Values] = {}
        self.best_tensors: dict[str, Tensor] = {}

    @property
    def is_active(self) -> NDArray[np.bool_]:
        """For each run, True if it has not diverged."""
        return self.diverged_step < 0

    def steps_done(self, first: int, losses: Values) -> None:
        """Note the losses of steps from `first` on, shape (steps, runs), and which runs diverged."""
        if first == 0:
            self.first_loss = losses[0].copy()
        is_bad = ~(np.isfinite(losses) & (losses <= self.bound))
        now = is_bad.any(axis=0) & self.is_active
        last = np.where(now, is_bad.argmax(axis=0), len(losses) - 1)
        self.last_loss = np.where(self.is_active, losses[last, np.arange(losses.shape[1])], self.last_loss)
        self.last_losses = np.concatenate([self.last_losses, losses])[-LAST:]
        self.diverged_step = np.where(now, first + last, self.diverged_step)

    def validated(self, step: int, metrics: Mapping[str, Values], tensors: Mapping[str, Tensor]) -> None:
        """Note the metrics of a validation, each of shape (runs,), and update the best weights.

        Args:
            step: the number of steps before it.
            metrics: by name.
            tensors: the parameters and buffers that were evaluated, by name.
        """
        loss = metrics["loss"]
        if step:
            now = ~(np.isfinite(loss) & (loss <= self.bound)) & self.is_active
            self.diverged_step = np.where(now, step, self.diverged_step)
        value = metrics[self.monitor]
        worst = np.inf if self.mode == "min" else -np.inf
        is_possible = ~np.isnan(value) & (value != worst)
        is_first = np.isnan(self.best)
        is_better = is_possible & (is_first | ((value < self.best) if self.mode == "min" else (value > self.best)))
        kept = self.is_active & (is_better | (self.best_step < 0))
        self.best_step = np.where(self.is_active & is_better, step, self.best_step)
        self.best = np.where(self.is_active & is_better, value, self.best)
        self._keep(kept, metrics, tensors)
        if step == 0 and self.divergence is not None:
            self.bound = np.where(np.isfinite(loss) & (loss != 0), self.divergence * np.abs(loss), np.inf)

    def _keep(self, kept: NDArray[np.bool_], metrics: Mapping[str, Values], tensors: Mapping[str, Tensor]) -> None:
        """Keep the metrics and the weights of the runs `kept`."""
        self.valid = {name: np.where(kept, value, self.valid.get(name, np.nan)) for name, value in metrics.items()}
        if not self.best_tensors:
            self.best_tensors = {name: tensor.clone() for name, tensor in tensors.items()}
        elif kept.any():
            for name, tensor in tensors.items():
                mask = torch.from_numpy(kept).to(tensor.device).view(-1, *[1] * (tensor.dim() - 1))
                self.best_tensors[name] = torch.where(mask, tensor, self.best_tensors[name])

    def columns(self, steps: int) -> dict[str, list[Any]]:
        """Return the results of the runs by column; None for a number that does not exist or is not finite.

        Args:
            steps: the steps of a run that does not diverge.
        """
        active = self.is_active
        means = self.last_losses.mean(axis=0) if len(self.last_losses) else self.last_loss
        found: dict[str, list[Any]] = {
            "status": [str(Status.COMPLETED if each else Status.DIVERGED) for each in active],
            "diverged_step": [None if step < 0 else int(step) for step in self.diverged_step],
            "steps": np.where(active, steps, self.diverged_step).tolist(),
            "first_train_loss": _finite(self.first_loss),
            "last_train_loss": _finite(self.last_loss),
            f"last_{LAST}_train_loss": _finite(np.where(active, means, np.nan)),
            "monitor": [self.monitor] * len(active),
            "best_valid": _finite(self.best),
            "best_step": [None if step < 0 else int(step) for step in self.best_step],
        }
        found |= {f"valid.{name}": _finite(value) for name, value in self.valid.items()}
        return found | {f"test.{name}": _finite(np.where(active, value, np.nan)) for name, value in self.test.items()}


def _finite(values: Values) -> list[float | None]:
    return [value if ok else None for value, ok in zip(values.tolist(), np.isfinite(values).tolist(), strict=True)]
