"""Measurements of a task at its steps: the interface of its probes, and the output of a chunk of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypedDict

from descentlab.data.loading.loader import Part
from descentlab.optim.step import Captured

if TYPE_CHECKING:
    from descentlab.tasks.base import Task


class ChunkOutputs(TypedDict):
    """Output of `Task.training_step` for a chunk of steps; callbacks receive it as `outputs`.

    first: index of the first step; losses: of each step, the mean over processes; evaluations: gradients evaluated before each;
    measured: step -> learning rates and probe values by name.
    """

    first: int
    losses: list[float]
    evaluations: list[int]
    measured: dict[int, dict[str, float]]


class StepProbes(Protocol):
    """Measures a step that was just taken; `descentlab.diagnostics.probes.Probes` is the implementation.

    `needs` names the tensors that the step must capture: "weights" (those before it), "gradients".
    """

    needs: frozenset[str]

    def measure(self, task: Task, parts: Sequence[Part], captured: Captured) -> Mapping[str, float]: ...


class NoProbes:
    """Measures nothing."""

    needs: frozenset[str] = frozenset()

    def measure(self, task: Task, parts: Sequence[Part], captured: Captured) -> Mapping[str, float]:
        return {}
