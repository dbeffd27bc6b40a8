"""Gradient descent spelled out: initialise, forward, loss, back-propagate, update, repeat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from torch import Tensor

from descentlab.rules.rule import Rule, State

Gradient = Callable[[list[Tensor], Any], tuple[Tensor, list[Tensor]]]  # weights, batch -> loss, gradient of each weight

LIMIT, TOLERANCE, DIVERGED, BATCHES = "limit", "tolerance", "diverged", "batches"  # why a descent stopped


@dataclass(frozen=True)
class Until:
    """When a descent stops; also when a loss is not finite.

    Args:
        limit: updates at most.
        tolerance: a change of the loss below it is none; 0: every change counts. Noise counts too, so it is of use where each
            batch is the whole set.
        patience: updates in a row without change.
    """

    limit: int
    tolerance: float = 0.0
    patience: int = 1

    def reason(self, step: int, loss: float, still: int) -> str:
        """Why to stop after `step` updates, the last `still` without change; empty: go on."""
        if not math.isfinite(loss):
            return DIVERGED
        if still >= self.patience:
            return TOLERANCE
        return LIMIT if step >= self.limit else ""


@dataclass(frozen=True)
class Update:
    """Where a descent stands after an update.

    Args:
        step: updates so far.
        loss: of the batch, before the update.
        grads: of that loss, one for each weight.
        hyper: the hyperparameters at this step.
        weights, states: after the update.
        stopped: why it was the last one; empty: it was not.
    """

    step: int
    loss: float
    grads: list[Tensor]
    hyper: dict[str, Any]
    weights: list[Tensor]
    states: list[State]
    stopped: str


@dataclass
class Result:
    """Where a descent ended, the loss before each of its updates, and why it stopped."""

    weights: list[Tensor]
    losses: list[float]
    stopped: str


def descend(
    weights: Sequence[Tensor],
    batches: Iterable[Any],
    gradient: Gradient,
    rule: Rule | ModuleType,
    hyper: Mapping[str, Any],
    until: Until,
    start: int = 0,
    states: Sequence[State] | None = None,
) -> Iterator[Update]:
    """Yields after every update, so that the caller may look, record, or ask no further. Changes nothing in place.

    Args:
        weights: the initial ones, each of at least one dimension.
        batches: one a step: a loader, repeat(batch) for batch descent, map(batch_of, count()) for a function of the step.
        gradient: by hand (`backpropagate`), by autograd, or by differences.
        hyper: of `rule`; one that is a function is called with the step, from 0: a schedule.
        start, states: to go on, the updates taken before and the rule's states after them; what stood still counts anew.
    """
    weights = [weight.detach() for weight in weights]
    states = [rule.init(weight) for weight in weights] if states is None else list(states)
    before, still = math.inf, 0
    for step, batch in zip(range(start, until.limit), batches, strict=False):
        loss, grads = gradient(weights, batch)
        now = {name: value(step) if callable(value) else value for name, value in hyper.items()}
        updates = [rule.update(g, s, w, **now) for g, s, w in zip(grads, states, weights, strict=True)]
        weights = [weight + increment for weight, (increment, _) in zip(weights, updates, strict=True)]
        states = [state for _, state in updates]

        error = float(loss)
        still = still + 1 if abs(error - before) < until.tolerance else 0
        before = error
        stopped = until.reason(step + 1, error, still)
        yield Update(step + 1, error, grads, now, weights, states, stopped)
        if stopped:
            return


def minimise(
    weights: Sequence[Tensor],
    batches: Iterable[Any],
    gradient: Gradient,
    rule: Rule | ModuleType,
    hyper: Mapping[str, Any],
    until: Until,
) -> Result:
    """Where `descend` ends, given what it takes; `stopped` is "batches" where there were no more."""
    result = Result(list(weights), [], BATCHES if until.limit > 0 else LIMIT)
    for update in descend(weights, batches, gradient, rule, hyper, until):
        result.weights = update.weights
        result.losses.append(update.loss)
        result.stopped = update.stopped or result.stopped
    return result
