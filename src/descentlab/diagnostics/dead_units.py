"""Units of activation functions that pass no gradient."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from descentlab.diagnostics.probe import Context
from descentlab.parallel.collectives import everywhere

SATURATED = 0.01  # derivative relative to its largest value, below which a sigmoid or tanh is saturated

# for each kind of activation module, a function of its output that is True where the derivative is zero or almost
PASSES_NOTHING: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda output: output == 0,
    "sigmoid": lambda output: output * (1 - output) < SATURATED / 4,
    "tanh": lambda output: 1 - output**2 < SATURATED,
}
KINDS: dict[type[nn.Module], str] = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid", nn.Tanh: "tanh"}


class DeadUnits:
    """Measures the fraction of units of each activation module that pass no gradient for any example of the batch.

    A unit of a ReLU is dead if its output is zero for all examples (and positions); a unit of a sigmoid or tanh if its
    derivative is below a hundredth of the largest one, 1/4 or 1, for all examples. A unit is a feature, or a channel of images.
    The recurrent networks of torch.nn.RNN count as the activation that they contain. Other activations have no output at which
    the derivative is known to be zero, and are left out.

    Source: Glorot and Bengio 2010 (saturation); Lu et al. 2019 (arXiv:1903.06733; dead ReLUs).
    """

    name, cost, needs = "dead_units", "light", ("model",)

    def measure(self, context: Context) -> dict[str, dict[str, Tensor]]:
        kinds = {name: kind for name, module in context.model.named_modules() if (kind := kind_of(module))}
        dead: dict[str, Tensor] = {}
        for batch in context.batches if kinds else ():
            with torch.no_grad():
                outputs = context.outputs(context.after, batch)
            for name, kind in kinds.items():
                if name in outputs and outputs[name].dim() > 1:
                    found = dead_of(outputs[name], kind)
                    dead[name] = dead[name] & found if name in dead else found
        return {"dead_units": {name: everywhere(found).float().mean() for name, found in dead.items()}}


def kind_of(module: nn.Module) -> str | None:
    """Return the key of `PASSES_NOTHING` for an activation module; None for any other module."""
    return module.nonlinearity if type(module) is nn.RNN else KINDS.get(type(module))


def dead_of(output: Tensor, kind: str) -> Tensor:
    """Return for each unit whether it passes no gradient, shape (units,).

    Args:
        output: (examples, units), (examples, steps, units), or (examples, channels, height, width).
        kind: a key of `PASSES_NOTHING`.
    """
    units = -1 if output.dim() == 3 else 1
    return PASSES_NOTHING[kind](output).movedim(units, -1).flatten(0, -2).all(0)
