"""The gradient-descent loop: initialize, forward, loss, back-propagate, update, repeat."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from torch import Tensor

from descentlab.rules.rule import Rule, State

Gradient = Callable[[list[Tensor], Any], tuple[Tensor, list[Tensor]]]  # weights, batch -> loss, gradient of each weight

LIMIT, TOLERANCE, DIVERGED, BATCHES = "limit", "tolerance", "diverged", "batches"  # reasons why a descent stopped


@dataclass(frozen=True)
class Until:
    """Stopping criteria of a descent; it also stops when a loss is not finite.

    Args:
        limit: the largest number of updates.
        tolerance: smaller changes of the loss are ignored; 0 disables the criterion. Changes from one batch to the next
            count as well, so it is useful where each batch is the whole training set.
        patience: consecutive updates without a change.
    """

    limit: int
    tolerance: float = 0.0
    patience: int = 1

    def reason(self, step: int, loss: float, unchanged: int) -> str:
        """Return the reason to stop after `step` updates, the last `unchanged` without a change; "" to continue."""
        if not math.isfinite(loss):
            return DIVERGED
        if unchanged >= self.patience:
            return TOLERANCE
        return LIMIT if step >= self.limit else ""


@dataclass(frozen=True)
class Update:
    """The state of a descent after an update.

    Args:
        step: updates so far.
        loss: the loss of the batch, before the update.
        grads: the gradients of that loss, one for each weight.
        hyper: the hyperparameters at this step.
        weights, states: weights and states of the rule after the update.
        stopped: the reason why this update is the last; "" if it is not.
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
    """The final weights of a descent, the loss before each of its updates, and the reason why it stopped."""

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
    """Yield after every update, so that the caller may inspect, record or stop. Nothing is modified in place.

    Args:
        weights: the initial ones, each of at least one dimension.
        batches: one per step: a loader, repeat(batch) for batch descent, map(batch_of, count()) for a function of the step.
        gradient: weights, batch -> loss and gradients; by hand (`backpropagate`), by autograd, or by finite differences.
        rule: the update rule.
        hyper: hyperparameters of `rule` by name; a function is called with the step, from 0, as a schedule.
        until: the stopping criteria.
        start, states: to resume, the number of earlier updates and the rule's states after them; the patience counter is
            reset.
    """
    weights = [weight.detach() for weight in weights]
    states = [rule.init(weight) for weight in weights] if states is None else list(states)
    before, unchanged = math.inf, 0
    for step, batch in zip(range(start, until.limit), batches, strict=False):
        loss, grads = gradient(weights, batch)
        now = {name: value(step) if callable(value) else value for name, value in hyper.items()}
        updates = [rule.update(g, s, w, **now) for g, s, w in zip(grads, states, weights, strict=True)]
        weights = [weight + increment for weight, (increment, _) in zip(weights, updates, strict=True)]
        states = [state for _, state in updates]

        error = float(loss)
        unchanged = unchanged + 1 if abs(error - before) < until.tolerance else 0
        before = error
        stopped = until.reason(step + 1, error, unchanged)
        yield Update(step + 1, error, grads, now, weights, states, stopped)
        if stopped:
            return


def minimize(
    weights: Sequence[Tensor],
    batches: Iterable[Any],
    gradient: Gradient,
    rule: Rule | ModuleType,
    hyper: Mapping[str, Any],
    until: Until,
) -> Result:
    """Run `descend` with the same arguments to its end; `stopped` is "batches" if the batches were exhausted."""
    result = Result(list(weights), [], BATCHES if until.limit > 0 else LIMIT)
    for update in descend(weights, batches, gradient, rule, hyper, until):
        result.weights = update.weights
        result.losses.append(update.loss)
        result.stopped = update.stopped or result.stopped
    return result
