"""Scheduled hyperparameters: learning rate, momentum and weight decay."""

from __future__ import annotations

from typing import Any

from torch.optim import Optimizer

from descentlab.optim.composite import parts_of
from descentlab.optim.recipe import Recipe


class Values:
    """Sets the scheduled hyperparameters of an optimizer, each to a multiple of its initial value.

    A learning-rate schedule with its own momentum (one-cycle) sets the momentum itself, not a multiple of it. Momentum is a
    group's `momentum`, or the first of its `betas`; a momentum of 0 remains 0. A group without these keys is unchanged.

    Attributes:
        multiplier: the value of the learning-rate schedule at the last step set.
        decay: the value of the decay schedule at the last step set.
    """

    def __init__(self, optimizer: Optimizer, recipe: Recipe) -> None:
        self.optimizer, self.recipe = optimizer, recipe
        keys = ("lr", "momentum", "betas", "weight_decay")
        self.initial = [{key: group.get(key) for key in keys} for group in optimizer.param_groups]
        self.last: tuple[Any, ...] = (1.0, None, None, None)
        self.multiplier = 1.0
        self.decay = 1.0

    def set(self, step: int, total: int | None) -> None:
        """Set the hyperparameters for `step` (from 0) of a run of `total` steps (None: unknown)."""
        recipe = self.recipe
        found = (
            recipe.schedule(step, total),
            recipe.schedule.momentum(step, total),
            recipe.momentum_schedule and recipe.momentum_schedule(step, total),
            recipe.decay_schedule and recipe.decay_schedule(step, total),
        )
        if found == self.last:
            return
        self.last = found
        self.multiplier, momentum, momentum_factor, decay_factor = found
        self.decay = 1.0 if decay_factor is None else decay_factor
        for group, initial in zip(self.optimizer.param_groups, self.initial, strict=True):
            if initial["lr"] is not None:
                group["lr"] = initial["lr"] * self.multiplier
            if "multiplier" in group:
                group["multiplier"] = self.multiplier
            if momentum is not None or momentum_factor is not None:
                set_momentum(group, initial, momentum, momentum_factor)
            if decay_factor is not None and initial["weight_decay"] is not None:
                group["weight_decay"] = initial["weight_decay"] * decay_factor

    def forget(self) -> None:
        """Set all hyperparameters at the next step, even if no schedule changes: the groups have been replaced."""
        self.last = ()

    @property
    def lrs(self) -> dict[str, float]:
        """The highest learning rate of the last step, by curve name: lr, and lr_auxiliary for an auxiliary optimizer."""
        parts = zip(("lr", "lr_auxiliary"), parts_of(self.optimizer), strict=False)
        found = {name: [float(group["lr"]) for group in part.param_groups if "lr" in group] for name, part in parts}
        return {name: max(lrs) for name, lrs in found.items() if lrs}


def set_momentum(group: dict[str, Any], initial: dict[str, Any], value: float | None, factor: float | None) -> None:
    """Set the momentum of `group` to `factor` times `value`, by default to `factor` times its initial momentum."""
    own = initial["momentum"] if initial["momentum"] is not None else (initial["betas"] or [None])[0]
    if not own:  # an optimizer without momentum remains without
        return
    new = (own if value is None else value) * (1.0 if factor is None else factor)
    if initial["momentum"] is not None:
        group["momentum"] = new
    else:
        group["betas"] = (new, *initial["betas"][1:])
