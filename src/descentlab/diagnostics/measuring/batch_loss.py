"""The loss of a batch as a function that can be differentiated twice, whole and in two parts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import wraps
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.backends import cudnn
from torch.nn.attention import SDPBackend, sdpa_kernel

from descentlab.diagnostics.measuring.model_functions import Batch, ModelFunctions
from descentlab.diagnostics.probe import Context

HALF = (torch.float16, torch.bfloat16)
Result = TypeVar("Result")


class BatchLoss:
    """The mean loss of a batch at any weights, in float32, or in float64 if the weights are in it.

    Args:
        functions: the model and its loss.
        batch: the batch.
    """

    def __init__(self, functions: ModelFunctions, batch: Batch) -> None:
        self.functions, self.batch = functions, precise(batch)

    def __call__(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return the loss at `weights`, a scalar that torch.func differentiates any number of times."""
        with self._differentiable():
            return self.functions.loss(self._precise(weights), self.batch)

    def outputs(self, weights: Mapping[str, Tensor]) -> list[Any]:
        """Return what the model returns in each call that the loss makes."""
        found: list[Any] = []
        hook = self.functions.model.register_forward_hook(lambda _module, _inputs, output: found.append(output))
        try:
            self(weights)
        finally:
            hook.remove()
        return found

    def of_outputs(self, outputs: list[Any]) -> Tensor:
        """Return the loss of outputs of the model, which `outputs` returned for this batch."""
        given = iter(outputs)
        return self.functions.task_loss(lambda _inputs: next(given), self.batch)

    def _precise(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the weights, and those buffers that are in half precision, without half precision."""
        buffers = {name: buffer for name, buffer in self.functions.model.named_buffers() if buffer.dtype in HALF}
        tensors = {**buffers, **weights}
        return dict(zip(tensors, precise(tuple(tensors.values())), strict=True))

    @contextmanager
    def _differentiable(self) -> Iterator[None]:
        """Context in which all operations have second derivatives; fused attention and cuDNN's recurrent cells have none."""
        is_recurrent = any(isinstance(module, nn.RNNBase) for module in self.functions.model.modules())
        with sdpa_kernel(SDPBackend.MATH), cudnn.flags(enabled=False) if is_recurrent else nullcontext():
            yield


def precise(tensors: Sequence[Tensor]) -> Batch:
    """Return `tensors`, those in half precision converted to float32."""
    return tuple(tensor.float() if tensor.dtype in HALF else tensor for tensor in tensors)


def without_autocast(measure: Callable[[Any, Context], Result]) -> Callable[[Any, Context], Result]:
    """Return the method `measure(context)` of a probe without the half precision that the training's context selects."""

    @wraps(measure)
    def measured(probe: Any, context: Context) -> Result:
        with torch.autocast(context.batches[0][0].device.type, enabled=False):
            return measure(probe, context)

    return measured
