"""Stop rules: conditions other than the budget and divergence that end a run, checked at its validations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from descentlab.store.record import is_better
from descentlab.training.events import StepsDone, Validated


@dataclass(frozen=True)
class Stop:
    """The config's `stop` node.

    Args:
        divergence: a loss above this multiple of the absolute validation loss before the first step is a divergence; None:
            only a loss that is not finite.
        patience: number of validations without improvement after which a run stops; None: it never does.
        min_delta: the amount by which a value must beat the best one to be an improvement.
        at_target: stop when the target is reached.
        plateau, window: see Plateau.
        grad_norm: see SmallGradient.
        gap: see Gap.
    """

    divergence: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    at_target: bool = False
    plateau: float | None = None
    window: int = 100
    grad_norm: float | None = None
    gap: float | None = None


@dataclass(frozen=True)
class Goal:
    """The validation metric by which weights and runs are selected.

    Args:
        metric: its name, without "valid/".
        mode: "min" or "max", the better direction of the metric.
        target: value at which steps and seconds are recorded; None: no target.
    """

    metric: str
    mode: str
    target: float | None = None

    def reached(self, value: float) -> bool:
        """Return True if `value` is as good as the target."""
        return self.target is not None and (value == self.target or is_better(value, self.target, self.mode))


class StopRule:
    """Base class of stop rules: a condition on the steps and validations so far. Its attributes are its state."""

    def steps_done(self, event: StepsDone) -> None:
        """Receive the steps of a chunk, all of which count."""

    def validated(self, event: Validated) -> None:
        """Receive a validation, also the one before training."""

    def reason(self) -> str:
        """Return the reason to stop after the last validation; empty if there is none."""
        raise NotImplementedError

    def state_dict(self) -> dict[str, Any]:
        return dict(vars(self))

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)


class AtTarget(StopRule):
    """Stops when the target has been reached.

    Args:
        goal: the metric and its target.
    """

    def __init__(self, goal: Goal) -> None:
        self.metric, self.mode, self.target = goal.metric, goal.mode, goal.target
        self.is_reached = False

    def validated(self, event: Validated) -> None:
        goal = Goal(self.metric, self.mode, self.target)
        self.is_reached = self.is_reached or goal.reached(event.metrics[self.metric])

    def reason(self) -> str:
        return f"reached the target {self.target:g}" if self.is_reached else ""


class Patience(StopRule):
    """Stops after a number of validations without improvement. One at which the metric is undefined does not count.

    Args:
        goal: the metric.
        patience: the number of validations.
        min_delta: the amount by which a value must beat the last improvement to be one.
    """

    def __init__(self, goal: Goal, patience: int, min_delta: float) -> None:
        self.metric, self.mode, self.patience = goal.metric, goal.mode, patience
        self.margin = min_delta if goal.mode == "min" else -min_delta
        self.stale = 0  # number of validations since the last improvement
        self.reference: float | None = None  # value of the last improvement

    def validated(self, event: Validated) -> None:
        value = event.metrics[self.metric]
        if is_better(value + self.margin, self.reference, self.mode):
            self.stale, self.reference = 0, value
        elif not math.isnan(value):
            self.stale += 1

    def reason(self) -> str:
        return f"no improvement in {self.stale} validations" if self.stale >= self.patience else ""


class Plateau(StopRule):
    """Stops when the mean training loss of a window of steps differs little from that of the window before.

    The windows are consecutive, the first one starts at step 0.

    Args:
        tolerance: the largest change |new - old| / |old| of the mean that counts as a plateau.
        window: the number of steps.
    """

    def __init__(self, tolerance: float, window: int) -> None:
        self.tolerance, self.window = tolerance, window
        self.total, self.steps = 0.0, 0  # of the current window
        self.means: list[float] = []  # of the last two windows

    def steps_done(self, event: StepsDone) -> None:
        for loss in event.losses:
            self.total, self.steps = self.total + loss, self.steps + 1
            if self.steps == self.window:
                self.means = [*self.means[-1:], self.total / self.window]
                self.total, self.steps = 0.0, 0

    def reason(self) -> str:
        if len(self.means) < 2:
            return ""
        old, new = self.means
        if not abs(new - old) <= self.tolerance * abs(old):
            return ""
        change = f"{abs(new - old) / abs(old) if old else 0.0:.2g}"
        means = f"the mean training loss of {self.window:,} steps changed by {change} of it, {old:.6g} to {new:.6g}"
        return f"{means}, at most stop.plateau={self.tolerance:g}"


class SmallGradient(StopRule):
    """Stops when the norm of the gradient was small at all rows of the curves since the validation before.

    The gradient is that of a step's batch, before clipping and decay; the rows are `log_every` steps apart. A validation
    without a row since the one before does not stop the run.

    Args:
        bound: the largest norm that counts as small.
    """

    def __init__(self, bound: float) -> None:
        self.bound = bound
        self.largest: float | None = None  # since the last validation
        self.at_validation: float | None = None  # the largest between the last two validations

    def steps_done(self, event: StepsDone) -> None:
        for step in sorted(step for step in event.measured if step < event.count):
            norm = event.measured[step].get("grad_norm", math.nan)
            self.largest = norm if self.largest is None or not norm <= self.largest else self.largest

    def validated(self, event: Validated) -> None:
        self.at_validation, self.largest = self.largest, None

    def reason(self) -> str:
        norm = self.at_validation
        if norm is None or not norm <= self.bound:
            return ""
        return f"the norm of the gradient was {norm:.3g}, at most stop.grad_norm={self.bound:g}"


class Gap(StopRule):
    """Stops when the validation loss is much larger than the mean training loss since the validation before.

    Args:
        factor: the largest ratio of the two losses; it is not checked where the training loss is not positive.
    """

    def __init__(self, factor: float) -> None:
        self.factor = factor
        self.total, self.steps = 0.0, 0  # since the last validation
        self.losses: tuple[float, float] | None = None  # of training and validation, at the last validation

    def steps_done(self, event: StepsDone) -> None:
        self.total, self.steps = self.total + math.fsum(event.losses), self.steps + len(event.losses)

    def validated(self, event: Validated) -> None:
        is_measured = self.steps > 0 and "loss" not in event.undefined
        self.losses = (self.total / self.steps, event.metrics["loss"]) if is_measured else None
        self.total, self.steps = 0.0, 0

    def reason(self) -> str:
        if self.losses is None:
            return ""
        train, valid = self.losses
        if train <= 0 or not valid > self.factor * train:
            return ""
        ratio = f"{valid / train:.3g} times the training loss {train:.4g}"
        return f"the validation loss {valid:.4g} was {ratio}, more than stop.gap={self.factor:g} times"


def rules_of(stop: Stop, goal: Goal) -> dict[str, StopRule]:
    """Return the rules that `stop` sets, by the key of the config's `stop` node; the first reason is the one reported."""
    found: dict[str, StopRule] = {}
    if stop.at_target:
        found["at_target"] = AtTarget(goal)
    if stop.patience is not None:
        found["patience"] = Patience(goal, stop.patience, stop.min_delta)
    if stop.plateau is not None:
        found["plateau"] = Plateau(stop.plateau, stop.window)
    if stop.grad_norm is not None:
        found["grad_norm"] = SmallGradient(stop.grad_norm)
    if stop.gap is not None:
        found["gap"] = Gap(stop.gap)
    return found
