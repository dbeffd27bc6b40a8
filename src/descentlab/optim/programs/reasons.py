"""Reasons for which the steps of a run cannot be taken by a program."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.func import functional_call
from torch.optim import Optimizer

from descentlab.compat import is_batch_norm, is_compiled
from descentlab.optim.composite import parts_of
from descentlab.optim.evaluation import has_modes
from descentlab.optim.programs.program import training_mode
from descentlab.optim.programs.step import Batch, Loss
from descentlab.optim.programs.update_rules import update_rule
from descentlab.optim.randomness import seeded
from descentlab.optim.recipe import Recipe


def reason_not_programmable(model: nn.Module, loss: Loss, optimizer: Optimizer, recipe: Recipe, batch: Batch) -> str:
    """Return the reason why a program cannot take the steps of a run; empty if there is none.

    Operations that cannot be traced or stacked are found only by tracing: see NotTraceable.

    Args:
        model: the run's model, of which one forward and backward pass is made. It is unchanged.
        loss: (predict, batch) -> mean loss.
        optimizer: the run's optimizer.
        recipe: the run's recipe.
        batch: a batch of its training split.
    """
    found = next(_of_settings(model, optimizer, recipe), "")
    return found or next(gradient_reasons(model, loss, batch), "")


def _of_settings(model: nn.Module, optimizer: Optimizer, recipe: Recipe) -> Iterator[str]:
    needs = recipe.needs
    for part in parts_of(optimizer):
        name = type(part).__name__
        if needs.closure or needs.two_passes or needs.graph:
            yield f"{name} needs more than one gradient in a step"
        if any(update_rule(part, group) is None for group in part.param_groups):
            yield f"descentlab.rules has no update rule for {name} with these settings"
    if needs.random:
        yield "the optimizer draws random numbers"
    if recipe.loss_is_scaled:
        yield "16-mixed precision multiplies the loss by a factor that depends on earlier gradients"
    if any(is_compiled(module) for module in model.modules()):
        yield "the model is compiled by itself"
    averages = recipe.average.kind != "none" or has_modes(optimizer)
    if averages and any(is_batch_norm(module) and module.track_running_stats for module in model.modules()):
        yield "the running statistics of batch normalization are recomputed for averaged weights"


def gradient_reasons(model: nn.Module, loss: Loss, batch: Batch) -> Iterator[str]:
    """Yield a reason for each parameter without a gradient, which an optimizer does not update, or with a sparse one."""
    buffers = {name: buffer.detach().clone() for name, buffer in model.named_buffers()}
    every = {name: weight.detach().clone().requires_grad_(weight.requires_grad) for name, weight in model.named_parameters()}
    trained = {name: weight for name, weight in every.items() if weight.requires_grad}
    with training_mode(model), seeded(0), torch.enable_grad():
        value = loss(lambda inputs: functional_call(model, {**every, **buffers}, (inputs,)), batch)
        gradients = torch.autograd.grad(value, list(trained.values()), allow_unused=True)
    for name, gradient in zip(trained, gradients, strict=True):
        if gradient is None:
            yield f"the loss does not depend on the parameter {name}"
        elif gradient.is_sparse:
            yield f"the gradient of {name} is sparse"
