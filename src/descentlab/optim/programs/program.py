"""Programs: the step of one run, or of a block of stacked runs, traced once and then called for every step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import GraphModule

from descentlab import compat
from descentlab.optim.programs import compiled
from descentlab.optim.programs.noise import random_operations
from descentlab.optim.programs.once import compute_once
from descentlab.optim.programs.saving import try_to_compile
from descentlab.optim.programs.step import Batch, PureStep, RunState, over_runs
from descentlab.optim.programs.wide import widen


class NotTraceable(RuntimeError):
    """A step cannot be traced as a program."""


class Program:
    """One step of a run or of a block of runs, traced to a graph. It changes the tensors of the state in place.

    Args:
        step: the step of one run.
        state: the state of the run, or of the stacked runs; its tensors are those that calls change, or have the same shapes.
        numbers: shape (columns,), or (runs, columns) for stacked runs.
        batch: a batch with the shapes and types of those to come.
        runs: the number of stacked runs; None: a single run, whose tensors have no dimension of runs.
        batch_is_shared: True if all runs take the same batch; otherwise the tensors of a batch have a dimension of runs.

    Raises:
        NotTraceable: an operation of the model or of its loss cannot be stacked, reads a value of a tensor, or is random in a
            way that noise.py does not replace.
    """

    def __init__(
        self,
        step: PureStep,
        state: RunState,
        numbers: Tensor,
        batch: Batch,
        runs: int | None = None,
        batch_is_shared: bool = False,
    ) -> None:
        function: Callable[..., Any] = step if runs is None else over_runs(step, batch_is_shared)
        flat = tensors_of(state)
        self.measured: list[str] = []

        def in_place(*tensors: Tensor) -> list[Tensor]:
            before, (values, *parts) = tensors[: len(flat)], tensors[len(flat) :]
            after, loss, measured = function(with_tensors(state, before), values, tuple(parts))
            self.measured = list(measured)
            for old, new in zip(before, tensors_of(after), strict=True):
                if new is not old:
                    old.copy_(new)
            return [loss, *measured.values()]

        self.inputs = [*flat, numbers, *batch]
        with torch.no_grad(), training_mode(step.model):
            self.graph = _traced(in_place, self.inputs)
        if runs is not None:
            widen(self.graph)
        compute_once(self.graph, runs)
        self.accepted = _described(batch)
        self.trace()

    def trace(self) -> None:
        """Use the traced graph, also if it has been compiled."""
        self.function: Callable[..., Sequence[Tensor]] = self.graph
        self.is_compiled = False

    @cached_property
    def path(self) -> Path:
        """The file of the compiled program."""
        return compiled.path_of(self.graph, self.inputs)

    @property
    def is_cached(self) -> bool:
        """True if `compile` would only load the program."""
        return self.path.exists()

    def compile(self) -> None:
        """Compile the program, or load it if it is in the cache; a program that is in use already is not loaded again.

        Raises:
            RuntimeError: it cannot be compiled.
        """
        if not self.is_compiled:
            self.function, self.is_compiled = compiled.compiled(self.graph, self.inputs), True

    @torch.no_grad()
    def __call__(self, state: Sequence[Tensor], numbers: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """Take one step.

        Args:
            state: the tensors of the state as a list, which `tensors_of` returns; changed in place.
            numbers: the values of the step's columns.
            batch: the batch.

        Returns:
            The loss before the update, and the measured numbers by name; for stacked runs, each of shape (runs,).

        Raises:
            ValueError: the batch has other shapes or types than that of the constructor, so that it needs another program.
        """
        if _described(batch) != self.accepted:
            raise ValueError(f"the program takes batches of {self.accepted}, not of {_described(batch)}")
        loss, *values = self.function(*state, numbers, *batch)
        return loss, dict(zip(self.measured, values[: len(self.measured)], strict=True))


class Programs:
    """The programs of the steps of stacked runs, one for each shape of a batch; blocks of runs share them.

    Args:
        step: the step of one run.
        size: the number of runs of a block.
        batch_is_shared: True if the runs of a block take the same batch.
        compiles: True if new programs are compiled; False after one could not be.
    """

    def __init__(self, step: PureStep, size: int, batch_is_shared: bool, compiles: bool = False) -> None:
        self.step, self.size, self.batch_is_shared, self.compiles = step, size, batch_is_shared, compiles
        self.found: dict[tuple[int, ...], Program] = {}

    @property
    def is_compiled(self) -> bool:
        """True if steps are compiled, perhaps except those of rare batches."""
        return any(program.is_compiled for program in self.found.values())

    def program(self, state: RunState, numbers: Tensor, batch: Batch) -> Program:
        """Return the program of the shapes of `batch`, traced at the first call."""
        shape = tuple(batch[0].shape)
        if shape not in self.found:
            self.found[shape] = Program(self.step, state, numbers, batch, self.size, self.batch_is_shared)
            if self.compiles:
                self.compiles = try_to_compile(self.found[shape])
        return self.found[shape]


def _traced(function: Callable[..., Any], inputs: Sequence[Tensor]) -> GraphModule:
    """Return the graph of `function` for `inputs`."""
    try:
        graph = compat.trace(function, inputs)
    except Exception as error:  # torch's tracer raises many classes
        raise NotTraceable(_message(error)) from error
    if random := random_operations(graph):
        raise NotTraceable(f"{', '.join(random)} draws random numbers, which programs do only for dropout and normal noise")
    return graph


def _message(error: Exception) -> str:
    """Return the reason of an error of torch's tracer as a sentence."""
    text = str(error).strip().partition("\n")[0]
    if "random operation" in text:
        return "the model or its loss draws random numbers, which programs do only for dropout and normal noise"
    if "DataDependent" in type(error).__name__ or ".item()" in text:
        return "the model or its loss reads the value of a tensor, which a program does not know when it is traced"
    return f"the step cannot be traced: {type(error).__name__}: {text}"


@contextmanager
def training_mode(model: nn.Module) -> Iterator[None]:
    """Context in which `model` is in training mode; a model that is already keeps the modes of its modules."""
    before = [(module, module.training) for module in model.modules()]
    if not model.training:
        model.train()
    try:
        yield
    finally:
        for module, mode in before:
            module.training = mode


def _described(batch: Batch) -> list[tuple[torch.Size, torch.dtype]]:
    return [(tensor.shape, tensor.dtype) for tensor in batch]


def tensors_of(state: RunState) -> list[Tensor]:
    """Return the tensors of `state` in a fixed order."""
    of_rules = (tensor for rule in state.rules for tensor in rule.values())
    return [*state.weights, *state.buffers.values(), *of_rules, *state.mean]


def with_tensors(state: RunState, tensors: Iterable[Tensor]) -> RunState:
    """Return a state with the names of `state` and `tensors`, which are in the order of `tensors_of`."""
    left = iter(tensors)
    weights, buffers = [next(left) for _ in state.weights], {name: next(left) for name in state.buffers}
    rules = [{name: next(left) for name in rule} for rule in state.rules]
    return RunState(weights, buffers, rules, [next(left) for _ in state.mean])


def stack(states: Sequence[RunState]) -> RunState:
    """Return the states of several runs as the state of a block, each tensor with a leading dimension of runs."""
    flat = [tensors_of(state) for state in states]
    return with_tensors(states[0], [torch.stack(tensors) for tensors in zip(*flat, strict=True)])
