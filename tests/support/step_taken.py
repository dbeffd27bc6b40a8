"""The context of a step of a small model, built without a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from descentlab.diagnostics.measuring.batch_loss import BatchLoss
from descentlab.diagnostics.measuring.model_functions import Loss, ModelFunctions
from descentlab.diagnostics.probe import Batch, Context, Named


def classification_loss(predict: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
    return cross_entropy(predict(batch[0]), batch[1])


def value_loss(predict: Callable[[Tensor], Tensor], batch: Batch) -> Tensor:
    return predict(batch[0]).mean()


def weights_of(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def step_context(
    model: nn.Module, loss: Loss, batches: Sequence[Batch], after: Named | None = None, lr: float = 0.1, **fields: Any
) -> Context:
    """Return the context of step 3 at the weights of `model`, of which `after` are those after the step."""
    functions = ModelFunctions(model, loss)
    before = weights_of(model)
    made: Any = {
        **{
            "step": 3,
            "before": before,
            "after": before if after is None else after,
            "gradients": {},
            "batches": batches,
            "model": model,
        },
        **{"batches": batches, "model": model},
        **{"loss": functions.loss, "outputs": functions.outputs, "held_out": lambda: batches[0], "lr": lr},
        "model": model,
        "batch_loss": partial(BatchLoss, functions),
    }
    return Context(**{**made, **fields})


def tiny_network(dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Batch]:
    """Return a network of 67 weights in two layers for three classes, and a batch of 12 examples."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)).to(dtype)
    return model, (torch.randn(12, 4).to(dtype), torch.randint(0, 3, (12,)))


def full_hessian(model: nn.Module, loss: Loss, batch: Batch) -> Tensor:
    """Return the Hessian of the loss, (n, n), by torch.autograd.functional."""
    weights = weights_of(model)

    def at(vector: Tensor) -> Tensor:
        parts = vector.split([weight.numel() for weight in weights.values()])
        named = {name: part.view(weight.shape) for (name, weight), part in zip(weights.items(), parts, strict=True)}
        return loss(lambda inputs: functional_call(model, named, (inputs,)), batch)

    return torch.autograd.functional.hessian(at, torch.cat([weight.flatten() for weight in weights.values()]))  # pyright: ignore[reportReturnType]
