"""The loss and the outputs of a model as pure functions of its weights, for probes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from descentlab.compat import uncompiled
from descentlab.errors import UsageError
from descentlab.optim.randomness import seeded
from descentlab.parallel.weights import is_sharded

NEEDS_WHOLE_WEIGHTS = "this probe needs whole weights, which trainer=fsdp shards: leave it out of diagnostics=..."
Batch = tuple[Tensor, ...]
Loss = Callable[[Callable[[Tensor], Tensor], Batch], Tensor]  # (predict, batch) -> mean loss


class ModelFunctions:
    """Evaluates a model at given weights, in the mode in which it is; the model itself does not change.

    Args:
        model: the network.
        loss: (predict, batch) -> mean loss.
        others: the buffers, and the parameters that a call does not give, by name; None: those of the model.
        seed: of the random numbers of each call, so that equal calls have equal dropout.
    """

    def __init__(self, model: nn.Module, loss: Loss, others: Mapping[str, Tensor] | None = None, seed: int = 0) -> None:
        self.model, self.task_loss, self.others, self.seed = model, loss, others, seed

    def loss(self, weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Return the mean loss of `batch`, a scalar that torch.func differentiates any number of times.

        Mixed precision is off: its derivatives would underflow without a scaled loss.

        Raises:
            UsageError: the weights are sharded.
        """
        with torch.autocast(batch[0].device.type, enabled=False):
            return self._evaluate(weights, batch)

    def outputs(self, weights: Mapping[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Return the output of each module without children for `batch`, by module name, in the order of the calls.

        Of an output that is a tuple the first tensor is returned. A module that is called several times gives its last output.
        """
        found: dict[str, Tensor] = {}

        def keep(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple) and output else output
            if isinstance(first, Tensor):
                found[name] = first

        leaves = [(name, module) for name, module in self.model.named_modules() if not any(True for _ in module.children())]
        hooks = [module.register_forward_hook(partial(keep, name)) for name, module in leaves]
        try:
            self._evaluate(weights, batch)
        finally:
            for hook in hooks:
                hook.remove()
        return found

    def _evaluate(self, weights: Mapping[str, Tensor], batch: Batch) -> Tensor:
        if is_sharded(self.model):
            raise UsageError(NEEDS_WHOLE_WEIGHTS)
        others = dict(self.model.named_buffers()) if self.others is None else self.others
        tensors = {**{name: tensor.clone() for name, tensor in others.items()}, **weights}  # batch normalization changes them
        # the fused kernels of attention have no second derivative, and cannot be stacked
        with seeded(self.seed), uncompiled(self.model), sdpa_kernel(SDPBackend.MATH):
            return self.task_loss(lambda inputs: functional_call(self.model, tensors, (inputs,)), batch)
