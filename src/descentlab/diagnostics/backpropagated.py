"""Standard deviations of the gradients that are back-propagated to the outputs of layers."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from descentlab.diagnostics.measuring.batch_loss import without_autocast
from descentlab.diagnostics.probe import Batch, Context
from descentlab.parallel.collectives import summed

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


class Backpropagated:
    """Measures, for each dense or convolutional layer, the standard deviation of dL/dz over its outputs z and the examples.

    L is the loss of an example, and z precedes the activation. Gradients vanish where the number falls from the last layer to
    the first one, as with the initialization that was common before Glorot's. Measured at the weights before the step.

    Source: Glorot and Bengio (2010), section 4.2.2 and figure 7.
    """

    name, cost, needs = "backpropagated", "full", ("weights", "model")

    @without_autocast
    def measure(self, context: Context) -> dict[str, dict[str, Tensor]]:
        moments: dict[str, Tensor] = {}
        for batch in context.batches:
            for name, gradient in gradients_of_outputs(context, batch).items():
                values = gradient.double()
                found = torch.stack([values.new_tensor(values.numel()), values.sum(), values.square().sum()])
                moments[name] = moments.get(name, 0) + found
        return {"backpropagated": {name: _deviation(summed(found)) for name, found in moments.items()}}


def gradients_of_outputs(context: Context, batch: Batch) -> dict[str, Tensor]:
    """Return dL/dz of all outputs z of each layer, flat, by module name, for the sum L of the losses of the examples."""
    zeros: dict[str, list[Tensor]] = {}

    def add_zero(name: str, _module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        zeros.setdefault(name, []).append(torch.zeros_like(output, requires_grad=True))
        return output + zeros[name][-1]

    layers = [(name, module) for name, module in context.model.named_modules() if isinstance(module, LAYERS)]
    hooks = [module.register_forward_hook(partial(add_zero, name)) for name, module in layers]
    try:
        with torch.enable_grad():
            loss = context.loss(context.before, batch) * len(batch[0])
    finally:
        for hook in hooks:
            hook.remove()
    given = [zero for each in zeros.values() for zero in each]
    found = iter(torch.autograd.grad(loss, given, materialize_grads=True) if given else ())
    return {name: torch.cat([next(found).flatten() for _ in each]) for name, each in zeros.items()}


def _deviation(moments: Tensor) -> Tensor:
    """Return the standard deviation, given the number of values, their sum and the sum of their squares."""
    count, total, squares = moments
    return (squares / count - (total / count).square()).clamp(min=0).sqrt()
