"""Steps of a task in the explicit loop: an update rule without torch.optim, hand-written gradients for dense nets."""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Iterator
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from descentlab.data.loading.loader import Part, StepLoader
from descentlab.diagnostics.measuring.nonfinite import Place, Search, bad_update
from descentlab.models.linear import Linear
from descentlab.models.mlp import ACTIVATIONS, MLP, Block
from descentlab.optim.captured import Captured
from descentlab.optim.evaluation import EvaluationWeights
from descentlab.optim.scratch import RuleOptimizer
from descentlab.optim.values import Values
from descentlab.rules.backprop import Loss, backpropagate, bce, cce, mse
from descentlab.rules.loop import Gradient, Until, Update, descend
from descentlab.tasks.base import Task
from descentlab.tasks.binary import Binary
from descentlab.tasks.classification import Classification
from descentlab.tasks.regression import Regression
from descentlab.training.events import StepsDone

LOSSES: dict[type[Task], Loss] = {Regression: mse, Binary: bce, Classification: cce}


class Descent:
    """The counterpart of optim.step.Step in the explicit loop.

    Args:
        task: its loss is minimised.
        optimizer: takes no step; it holds the rule, its hyperparameters, and its states for checkpoints.
    """

    kernels = "rule"

    def __init__(self, task: Task, optimizer: RuleOptimizer) -> None:
        self.task, self.bare_optimizer = task, optimizer
        self.parameters = [p for group in optimizer.param_groups for p in group["params"]]
        self.values = Values(optimizer, task.recipe)
        self.evaluation_weights = EvaluationWeights(task.model, optimizer, None, lambda: self.count)
        self.gradient = over_parts(by_hand(task) or by_autograd(task))
        self.recent: deque[tuple[list[Tensor], Update]] = deque(maxlen=2)  # the last steps: the weights before, and the update
        task.first_nonfinite = self._first_nonfinite
        self.count = self.evaluations = 0

    def steps(self, loader: StepLoader) -> Iterator[StepsDone]:
        """Yield the events of consecutive steps, starting at step `count`. The model holds the weights after the last one."""
        optimizer, before = self.bare_optimizer, [p.detach().clone() for p in self.parameters]
        states = [optimizer.state[p] or optimizer.rule.init(p) for p in self.parameters]
        hyper = {name: partial(self._at, name) for name in optimizer.__signature__.parameters if name != "params"}
        batches = map(loader.parts, count(self.count))
        until = Until(self.task.total_steps or sys.maxsize)
        for update in descend(before, batches, self.gradient, optimizer.rule, hyper, until, self.count, states):
            self._keep(update)
            self.recent.append((before, update))
            yield self._event(update, before, loader)
            before = update.weights

    def _at(self, name: str, step: int) -> Any:
        """Return a hyperparameter of the rule at `step`, under the schedules."""
        self.values.set(step, self.task.total_steps)
        return self.bare_optimizer.param_groups[0][name]

    @torch.no_grad()
    def _keep(self, update: Update) -> None:
        """Copy the loop's weights and states into the model and the optimizer."""
        self.count, self.evaluations = update.step, self.evaluations + 1
        for parameter, weight, state in zip(self.parameters, update.weights, update.states, strict=True):
            parameter.copy_(weight)
            self.bare_optimizer.state[parameter] = dict(state)

    def _first_nonfinite(self, _: int) -> dict[str, Any] | None:
        """Return step, layer and tensor of the first value of the last two steps that is not finite; None if all are."""
        names = [name for name, _ in self.task.model.named_parameters()]
        others = dict(self.task.model.named_buffers())
        for before, update in self.recent:
            weights = dict(zip(names, before, strict=True))
            changed = bad_update(weights, dict(zip(names, update.weights, strict=True)))
            if changed is not None or not math.isfinite(update.loss):
                place = Search(self.task.model, self.task.loss, weights, others)(self.task.data.loader.parts(update.step - 1))
                return (place or changed or Place(None, "loss")).at(update.step - 1)
        return None

    def _event(self, update: Update, before: list[Tensor], loader: StepLoader) -> StepsDone:
        """Return the event of one step, with measurements if its index is a multiple of `measure_every`."""
        step, measured, layers = update.step - 1, {}, {}
        if step % self.task.measure_every == 0:
            with self.task.pause():
                names = [name for name, _ in self.task.model.named_parameters()]
                tensors = [dict(zip(names, each, strict=True)) for each in (before, update.grads, update.weights)]
                found = self.task.measured(loader.parts(step), Captured(tensors[0], tensors[1], tensors[2]))
                measured[step] = found.numbers
                layers = {step: found.layers} if found.layers else {}
        return StepsDone(step, [update.loss], [self.evaluations - 1], measured, layers)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self.count, "evaluations": self.evaluations, "schedule": self.task.recipe.schedule.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.count, self.evaluations = state["count"], state["evaluations"]
        self.task.recipe.schedule.load_state_dict(state["schedule"])
        self.values.forget()


def by_hand(task: Task) -> Gradient | None:
    """Return the hand-written gradient of the task's loss; None unless the model is a dense net and the loss is in LOSSES."""
    activations = dense(task.model)
    if activations is None or type(task) not in LOSSES or not task.has_manual_gradient:
        return None
    return partial(backpropagate, activations=activations, loss=LOSSES[type(task)])


def dense(model: nn.Module) -> list[str] | None:
    """Return the activations of a model that consists of dense layers with biases only; None for any other model."""
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    if any(type(layer) is not nn.Linear or layer.bias is None for layer in layers):
        return None
    if type(model) is Linear:
        return []
    blocks = [block for block in model.modules() if isinstance(block, Block)]
    if type(model) is not MLP or any(len(block.layers) != 2 or block.residual for block in blocks):
        return None
    names = {kind: name for name, kind in ACTIVATIONS.items()}
    return [names[type(block.layers[1])] for block in blocks]


def by_autograd(task: Task) -> Gradient:
    """Return autograd's gradient of the task's loss, for any model and loss; buffers and dropout behave as usual."""
    names = [name for name, _ in task.model.named_parameters()]

    def gradient(weights: list[Tensor], batch: Any) -> tuple[Tensor, list[Tensor]]:
        leaves = [weight.detach().requires_grad_() for weight in weights]
        parameters = dict(zip(names, leaves, strict=True))
        loss = task.loss(lambda x: functional_call(task.model, parameters, (x,)), batch)
        return loss.detach(), list(torch.autograd.grad(loss, leaves))

    return gradient


def over_parts(gradient: Gradient) -> Gradient:
    """Return the gradient of a step's loss, the weighted sum of the losses of its parts."""

    def summed(weights: list[Tensor], parts: list[Part]) -> tuple[Tensor, list[Tensor]]:
        loss, grads = gradient(weights, parts[0].batch)
        loss, grads = parts[0].weight * loss, [parts[0].weight * grad for grad in grads]
        for part in parts[1:]:
            more, others = gradient(weights, part.batch)
            loss = loss + part.weight * more
            grads = [grad + part.weight * other for grad, other in zip(grads, others, strict=True)]
        return loss, grads

    return summed
