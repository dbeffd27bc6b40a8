"""The first tensor of an evaluation of the loss and its gradient that is not finite: NaN or infinite."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.func import functional_call

from descentlab.compat import uncompiled
from descentlab.data.loading.loader import Part
from descentlab.diagnostics.measuring.layers import layer_of
from descentlab.diagnostics.measuring.model_functions import Loss


class Place(NamedTuple):
    """A tensor of a step.

    Args:
        layer: the module that it belongs to; None: the whole model.
        tensor: input, target, output (of a module), loss, "gradient of <parameter>" or "update of <parameter>".
    """

    layer: str | None
    tensor: str

    def at(self, step: int) -> dict[str, Any]:
        """Return the entry of a run's summary: step, layer and tensor."""
        return {"step": step, "layer": self.layer, "tensor": self.tensor}


def is_finite(tensors: Sequence[Tensor]) -> bool:
    """Return True if all elements of `tensors` are finite."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


def bad_update(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> Place | None:
    """Return the first parameter that an update made non-finite, in the given order; None if there is none."""
    names = (name for name in before if is_finite([before[name]]) and not is_finite([after[name]]))
    return next((of_parameter("update", name) for name in names), None)


def of_parameter(kind: str, name: str) -> Place:
    """Return the place of the gradient or the update of the parameter `name`."""
    return Place(layer_of(name), f"{kind} of {name.rpartition('.')[2]}")


class Search:
    """Evaluates the loss and its gradient once, and notes the first tensor that is not finite.

    The order is that of the computation: inputs and targets, the outputs of modules as they are called, the loss, and the
    gradients of parameters, backwards.

    Args:
        model: the network; it does not change.
        loss: (predict, batch) -> mean loss.
        weights: the trained parameters by name.
        others: all other parameters and buffers.
    """

    def __init__(self, model: nn.Module, loss: Loss, weights: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> None:
        self.model, self.loss = model, loss
        self.leaves = {name: weight.detach().clone().requires_grad_() for name, weight in weights.items()}
        self.others = {name: tensor.detach().clone() for name, tensor in others.items()}
        self.found: Place | None = None

    def __call__(self, parts: Sequence[Part], with_gradients: bool = True) -> Place | None:
        """Return the place of the first tensor that is not finite; None if all are finite.

        Args:
            parts: of the batch.
            with_gradients: False if infinite gradients are expected, as in half precision, where a scaler skips the step.
        """
        hooks: list[Any] = [
            module.register_forward_hook(partial(self._see_output, name)) for name, module in self.model.named_modules()
        ]
        if with_gradients:
            hooks += [leaf.register_hook(partial(self._see_gradient, name)) for name, leaf in self.leaves.items()]
        try:
            with torch.enable_grad(), uncompiled(self.model):
                for part in parts:
                    self._evaluate(part)
        finally:
            for hook in hooks:
                hook.remove()
        return self.found

    def _evaluate(self, part: Part) -> None:
        for tensor, kind in zip(part.batch, ["input", *["target"] * len(part.batch)], strict=False):
            self._see(Place(None, kind), tensor)
        tensors = {**self.others, **self.leaves}
        predict: Callable[[Tensor], Tensor] = lambda inputs: functional_call(self.model, tensors, (inputs,))  # noqa: E731
        loss = self.loss(predict, part.batch) * part.weight
        self._see(Place(None, "loss"), loss)
        if self.found is None and loss.requires_grad:
            torch.autograd.backward(loss)

    def _see(self, place: Place, tensor: Tensor) -> None:
        if self.found is None and not is_finite([tensor]):
            self.found = place

    def _see_output(self, name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        for each in output if isinstance(output, tuple | list) else [output]:
            if isinstance(each, Tensor):
                self._see(Place(name or None, "output"), each.detach())

    def _see_gradient(self, name: str, gradient: Tensor) -> None:
        self._see(of_parameter("gradient", name), gradient.detach())
