"""Light probes of a fused group, measured for all stacked runs at once."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from descentlab.data.loading.loader import Batch
from descentlab.diagnostics.measuring.model_functions import ModelFunctions
from descentlab.diagnostics.measuring.probes import COPIES
from descentlab.diagnostics.measuring.tiers import ROW, Tier
from descentlab.diagnostics.probe import Context, Probe
from descentlab.optim.programs.program import training_mode
from descentlab.optim.programs.step import PureStep, RunState

if TYPE_CHECKING:
    from descentlab.training.fused.block import Block
    from descentlab.training.fused.member import Member

Found = dict[str, Any]  # name -> a tensor with a value for each run, or one for each layer


@dataclass
class StackedNumbers:
    """The numbers of a step of all runs of a block.

    Args:
        numbers: name -> the value of each run.
        layers: quantity -> layer -> the value of each run.
    """

    numbers: dict[str, list[float]] = field(default_factory=dict)
    layers: dict[str, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, found: Found) -> None:
        """Add the numbers that a probe returned for the stacked runs."""
        for name, value in found.items():
            if isinstance(value, dict):
                self.layers[name] = {layer: each.tolist() for layer, each in value.items()}
            else:
                self.numbers[name] = value.tolist()

    def of_slot(self, slot: int) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
        """Return the numbers and the layers of one run, without layers whose value is NaN."""
        layers = {
            quantity: {layer: each[slot] for layer, each in values.items() if not math.isnan(each[slot])}
            for quantity, values in self.layers.items()
        }
        return {name: each[slot] for name, each in self.numbers.items()}, layers


class Probing:
    """Measures the light probes of a group, at steps that are the same for all of its members.

    Args:
        members: of the group. The probes are those of the first one; their intervals become those of all.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.members, self.step = members, members[0].step.step
        self.probes, self.row = members[0].probes, members[0].task.measure_every
        self.trained = 0.0  # seconds of the steps so far
        self.costs: dict[tuple[int, str], float] = {}  # step and tier -> seconds over all blocks

    def due(self, first: int, count: int) -> dict[int, list[Tier]]:
        """Return the tiers that are measured at each of `count` steps from `first` on.

        Until the interval of a tier is fixed, these are as many as it needs.
        """
        found: dict[int, list[Tier]] = {}
        rows = [step for step in range(first, first + count) if step % self.row == 0]
        for tier in [tier for tier in self.probes.tiers if tier.name != ROW]:
            due = [step for step in rows if tier.interval.is_due(step)]
            for step in due[: tier.interval.missing] if tier.interval.missing else due:
                found.setdefault(step, []).append(tier)
        return found

    def measure(
        self, block: Block, tiers: Sequence[Tier], step: int, before: RunState, numbers: Tensor, batch: Batch
    ) -> StackedNumbers:
        """Return the numbers of the probes of `tiers` for the runs of `block`, which has just taken `step`.

        Args:
            before: copies of the weights and buffers before the step.
            numbers: the values of the step's columns, shape (runs, columns).
            batch: the batch of the step.
        """
        found = StackedNumbers()
        dims = (0, 0, 0, None if block.programs.batch_is_shared else 0)
        gradients: list[Tensor] = []
        with torch.no_grad(), training_mode(self.step.model):
            for tier in tiers:
                began = time.perf_counter()
                if "gradients" in tier.needs and not gradients:
                    gradients = torch.vmap(self._gradients, (0, 0, dims[-1]))(before, numbers, batch)
                    block.spend(COPIES, time.perf_counter() - began)
                for probe in [probe for probe in tier.probes if probe.name not in self.probes.left_out]:
                    started = time.perf_counter()
                    function = torch.vmap(partial(self._numbers, probe, step), (*dims, 0), randomness="same")
                    given = before, block.state.weights, numbers, batch, gradients or before.weights
                    found.add(dict(self.probes.attempt(probe, partial(function, *given))))
                    block.spend(probe.name, time.perf_counter() - started)
                key = step, tier.name
                self.costs[key] = self.costs.get(key, 0.0) + time.perf_counter() - began
        return found

    def _gradients(self, state: RunState, numbers: Tensor, batch: Batch) -> list[Tensor]:
        return self.step.evaluate(state, numbers, batch)[0]

    def _numbers(
        self,
        probe: Probe,
        step: int,
        before: RunState,
        after: Sequence[Tensor],
        numbers: Tensor,
        batch: Batch,
        gradients: Sequence[Tensor],
    ) -> Found:
        """Return the numbers of a probe for one run; mapped over the stacked runs."""
        functions = ModelFunctions(self.step.model, self.step.loss, before.buffers)
        named = (dict(zip(self.step.names, each, strict=True)) for each in (before.weights, after, gradients))
        data = self.members[0].task.data
        context = Context(
            step,
            *named,
            batches=[batch],
            loss=functions.loss,
            outputs=functions.outputs,
            held_out=lambda: next(iter(data.val_dataloader())),
            lr=_largest_lr(self.step, numbers),
            model=self.step.model,
        )
        return {name: _tensors(value, numbers) for name, value in probe.measure(context).items()}

    def settle(self, first: int, count: int, seconds: float) -> None:
        """Fix the intervals that the measurements of the last chunk determine, for all members.

        Args:
            first, count: the steps of the chunk.
            seconds: that its steps took, over all blocks, without measurements.
        """
        pace = seconds / count
        tiers = {tier.name: tier for tier in self.probes.tiers}
        for (step, name), cost in sorted(self.costs.items()):
            self.probes.settle(tiers[name], step, self.trained + (step + 1 - first) * pace, cost)
        self.trained += seconds
        self.costs = {}
        for member in self.members:
            member.probes.left_out |= self.probes.left_out
            for own, common in zip(member.probes.tiers, self.probes.tiers, strict=True):
                own.interval.steps = common.interval.steps


def _largest_lr(step: PureStep, numbers: Tensor) -> Tensor:
    places = [place for place, column in enumerate(step.columns) if column.name == "lr"]
    return numbers[places].amax()


def _tensors(value: Any, like: Tensor) -> Any:
    """Return a number, or a mapping of numbers, as tensors on the device of `like`."""
    if isinstance(value, Mapping):
        return {name: _tensors(each, like) for name, each in value.items()}
    return value if isinstance(value, Tensor) else torch.tensor(float(value), device=like.device)
