"""The norms of a step that was taken outside of a run, and contexts of steps for tests of probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from descentlab.diagnostics.grad_norm import GradNorm
from descentlab.diagnostics.measuring.batch_loss import BatchLoss
from descentlab.diagnostics.measuring.model_functions import ModelFunctions
from descentlab.diagnostics.measuring.probes import Probes
from descentlab.diagnostics.probe import Context, Probe
from descentlab.diagnostics.update_norm import UpdateNorm
from descentlab.optim.step import Step
from descentlab.tasks.measurement import Measured

PROBES = Probes([GradNorm(), UpdateNorm()])
Tensors = dict[str, Tensor]


def probed(step: Step) -> dict[str, float]:
    """Return the norms of the gradient and of the update of the step that captured the tensors they need."""
    seen = step.captured
    return {name: float(value) for name, value in PROBES.of_rows(seen.before, seen.after, seen.gradients).items()}


def weights_of(model: nn.Module) -> Tensors:
    """Return copies of the parameters of `model` by name."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}


def context_of(
    model: nn.Module,
    loss: Callable[[Callable[[Tensor], Tensor], tuple[Tensor, ...]], Tensor],
    batches: Sequence[tuple[Tensor, ...]] = (),
    after: Mapping[str, Tensor] | None = None,
    gradients: Mapping[str, Tensor] | None = None,
) -> Context:
    """Return the context of a step from the current weights of `model` to `after`, by default the same ones."""
    before, functions = weights_of(model), ModelFunctions(model, loss)
    return Context(
        step=0,
        before=before,
        after=before if after is None else after,
        gradients=gradients or {},
        batches=batches,
        loss=functions.loss,
        outputs=functions.outputs,
        held_out=lambda: batches[0],
        lr=0.1,
        model=model,
        batch_loss=partial(BatchLoss, functions),
    )


def measure(probe: Probe, context: Context) -> Measured:
    """Return the numbers of `probe` as a run receives them."""
    measured = Measured({}, {})
    measured.add(probe.measure(context))
    return measured


def mean_output(predict: Callable[[Tensor], Tensor], batch: tuple[Tensor, ...]) -> Tensor:
    """Return the mean of the outputs, a loss whose gradient for a linear model is the mean of the inputs."""
    return predict(batch[0]).mean()


def mean_square(predict: Callable[[Tensor], Tensor], batch: tuple[Tensor, ...]) -> Tensor:
    """Return the mean over examples of half the squared error."""
    return (predict(batch[0]).squeeze(-1) - batch[1]).square().mean() / 2


def double(*shape: int, seed: int = 0) -> Tensor:
    """Return normal random numbers in 64 bits."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
