"""Measurements of a task at its steps: the interface of its probes, and the output of a chunk of steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypedDict

import torch
from torch import Tensor

from descentlab.data.loading.loader import Part
from descentlab.optim.captured import Captured

if TYPE_CHECKING:
    from descentlab.tasks.base import Task

Layers = Mapping[str, Mapping[str, float]]  # quantity -> layer -> value


class ChunkOutputs(TypedDict):
    """Output of `Task.training_step` for a chunk of steps; callbacks receive it as `outputs`.

    first: index of the first step; losses: of each step, the mean over processes; evaluations: gradients evaluated before each;
    measured: step -> learning rates and probe values by name; layers: step -> probe values of each layer.
    """

    first: int
    losses: list[float]
    evaluations: list[int]
    measured: dict[int, dict[str, float]]
    layers: dict[int, Layers]


@dataclass
class Measured:
    """The numbers of a step.

    Args:
        numbers: of the whole model, by name.
        layers: quantity -> layer -> value.
    """

    numbers: dict[str, float]
    layers: dict[str, dict[str, float]]

    def add(self, found: Mapping[str, Any]) -> None:
        """Add the numbers that a probe returned. Layers whose number is NaN, which means that it is undefined, are left out."""
        leaves = [each for value in found.values() for each in (value.values() if isinstance(value, Mapping) else [value])]
        numbers = iter(floats(leaves))
        for name, value in found.items():
            if isinstance(value, Mapping):
                self.layers[name] = {layer: each for layer in value if not math.isnan(each := next(numbers))}
            else:
                self.numbers[name] = next(numbers)


def floats(values: Sequence[Any]) -> list[float]:
    """Return numbers, some of which may be tensors, as floats. Tensors of one kind are read at once: a GPU waits once."""
    tensors = [each for each in values if isinstance(each, Tensor)]
    if len(tensors) > 1 and len({(each.dtype, each.device) for each in tensors}) == 1:
        read = iter(torch.stack([each.detach().reshape(()) for each in tensors]).tolist())
    else:
        read = (each.item() for each in tensors)
    return [float(next(read) if isinstance(each, Tensor) else each) for each in values]


def not_located(step: int, reason: str) -> dict[str, Any]:
    """Return what is known of a loss that was not finite at `step`, if `reason` prevents a search for the first such tensor."""
    return {"step": step, "layer": None, "tensor": "loss", "reason": reason}


class StepProbes(Protocol):
    """Measures a step that was just taken; `descentlab.diagnostics.measuring.probes.Probes` is the implementation."""

    def needs(self, step: int) -> frozenset[str]:
        """Return the tensors that `step` must capture: "weights" (those before it), "gradients"."""
        ...

    def measure(self, task: Task, parts: Sequence[Part], captured: Captured) -> Measured: ...

    def begin(self, task: Task) -> None:
        """Prepare to find the first tensor that is not finite in the steps to come. Called before a chunk of steps."""
        ...

    def first_nonfinite(self, task: Task, step: int) -> dict[str, Any] | None:
        """Return step, layer and tensor of the first value that was not finite up to `step`; None if all were finite."""
        ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class NoProbes:
    """Measures nothing."""

    def needs(self, step: int) -> frozenset[str]:
        return frozenset()

    def measure(self, task: Task, parts: Sequence[Part], captured: Captured) -> Measured:
        return Measured({}, {})

    def begin(self, task: Task) -> None: ...

    def first_nonfinite(self, task: Task, step: int) -> dict[str, Any] | None:
        return not_located(step, "the run has no probes")

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...
