"""Optimizer steps by programs that are compiled ahead of time: compile=step and compile=auto."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from descentlab.errors import UsageError, one_line
from descentlab.optim.composite import parts_of
from descentlab.optim.programs.columns import Numbers
from descentlab.optim.programs.program import NotTraceable, Program, tensors_of
from descentlab.optim.programs.reasons import gradient_reasons
from descentlab.optim.programs.saving import saves_time
from descentlab.optim.programs.step import Batch, Loss, PureStep, RunState
from descentlab.optim.programs.update_rules import update_rule
from descentlab.optim.randomness import seeded
from descentlab.optim.schedules.base import Schedule
from descentlab.optim.step import Step

if TYPE_CHECKING:
    from descentlab.data.loading.loader import Part

Shapes = tuple[torch.Size, ...]
BLOCK = 64  # steps whose scheduled values are computed together


def without_rule(optimizers: Iterable[Optimizer]) -> list[str]:
    """Return the class names of those of `optimizers` that have no update rule, so that their steps cannot be compiled."""
    return [type(each).__name__ for each in optimizers if any(update_rule(each, group) is None for group in each.param_groups)]


class CompiledStep(Step):
    """Takes optimizer steps by compiled programs, one for each shape of a batch.

    The programs change the parameters and buffers of the model and the entries of `optimizer.state` in place. The state has
    torch's names, and the additional entries of the update rules.

    Args:
        predict_loss: (predict, batch) -> mean loss.
        is_optional: True if the step is compiled only where this is possible and is expected to save time (compile=auto).
        settings: arguments of Step.

    Attributes:
        is_compiled: False if the operations of torch take the steps, as in Step; None until `warm_up` has decided. A resumed
            run takes its steps in the way in which it began.

    Raises:
        UsageError: an optimizer has no update rule, and `is_optional` is False.
    """

    is_compiled: bool | None

    def __init__(self, predict_loss: Loss, is_optional: bool, **settings: Any) -> None:
        super().__init__(**settings)
        self.is_optional = is_optional
        self.programs: dict[Shapes, Program] = {}
        self._state: RunState | None = None  # None until it is needed, and after a checkpoint has replaced its tensors
        self.tensors: list[Tensor] = []  # of the state, in the order of the program's arguments
        self.rows: list[Tensor] = []  # the numbers of the steps from first_row on
        self.first_row = 0
        if lacking := without_rule(parts_of(self.bare_optimizer)):
            if not is_optional:
                raise UsageError(f"compile=step needs an update rule, which {' and '.join(lacking)} does not have")
            self.is_compiled = False
            return
        self.is_compiled = None if is_optional else True
        self.pure = PureStep(
            self.model, predict_loss, self.bare_optimizer, self.recipe, lambda _before, _after, gradients: gradients
        )
        self.numbers = Numbers(self.recipe, self.bare_optimizer, self.total)
        self.eager = self._evaluate_and_update
        self._evaluate_and_update = self._take

    @property
    def kernels(self) -> str:
        return "rule" if self.is_compiled else super().kernels

    def warm_up(self, batches: Sequence[Sequence[Part]]) -> None:
        """Compile the programs for batches with the shapes of these, or load them if they have been compiled before.

        With `is_optional` decide first whether to.

        Raises:
            UsageError: a program cannot be compiled, and `is_optional` is False.
        """
        if self.is_compiled is None:
            self.is_compiled = self._decide(batches)
        if self.is_compiled:
            self._check_gradients(batches[0])
            self._state = self._state or self._collect()
            for (part,) in batches:
                self.programs[_shapes(part.batch)] = self._compiled(part.batch)

    def _decide(self, batches: Sequence[Sequence[Part]]) -> bool:
        """Return True if the programs could be compiled, and this is free or expected to save time."""
        try:
            self._check_gradients(batches[0])
            programs = [self._traced(self.pure.initial_state(), part.batch) for (part,) in batches]
            missing = sum(not program.is_cached for program in programs)
            steps = 0 if self.total is None else self.total - self.count
            if missing and not saves_time(partial(super().warm_up, batches[:1]), steps, missing):
                return False
            for program in programs:
                _compile(program)
        except UsageError as error:
            warnings.warn(f"compile=auto: steps are not compiled. {error}", stacklevel=2)
            return False
        return True

    def _check_gradients(self, parts: Sequence[Part]) -> None:
        """Check that every parameter has a dense gradient.

        Raises:
            UsageError: one does not.
        """
        for reason in gradient_reasons(self.model, self.pure.loss, parts[0].batch):
            raise UsageError(f"a program updates all parameters by dense gradients: {reason}")

    def _compiled(self, batch: Batch) -> Program:
        """Return the compiled program for batches like `batch`."""
        program = self._traced(self._state or self._collect(), batch)
        _compile(program)
        return program

    def _traced(self, state: RunState, batch: Batch) -> Program:
        """Return the program for batches like `batch`, not yet compiled.

        Raises:
            UsageError: the model or its loss has operations that cannot be traced.
        """
        try:
            with seeded(0):
                return Program(self.pure, state, self._row(), batch)
        except NotTraceable as error:
            raise UsageError(one_line(error)) from error

    def _take(self, parts: Sequence[Part]) -> Tensor:
        """Update the weights, and return the loss before the update."""
        if not self.is_compiled:
            return self.eager(parts)
        if self._state is None:
            self._state = self._collect()
        if not self.tensors:
            self.tensors = tensors_of(self._state)
        (part,) = parts
        shapes = _shapes(part.batch)
        if shapes not in self.programs:
            with self.paused():
                self.programs[shapes] = self._compiled(part.batch)
        loss, gradients = self.programs[shapes](self.tensors, self._row(), part.batch)
        self.evaluations += 1
        if self.capture_gradients:
            self.captured.gradients = gradients
        return loss

    def _row(self) -> Tensor:
        """Return the scheduled numbers of this step."""
        place = self.count - self.first_row
        if not 0 <= place < len(self.rows):
            depends_on_metrics = type(self.recipe.schedule).observe is not Schedule.observe
            table = torch.from_numpy(self.numbers.table(self.count, 1 if depends_on_metrics else BLOCK))
            self.rows, self.first_row, place = list(table.to(self.parameters[0].device)), self.count, 0
        return self.rows[place]

    def _collect(self) -> RunState:
        """Return the tensors that programs change: those of the model, of the optimizer and of the average."""
        new, states = self.pure.initial_state(), self.bare_optimizer.state
        tensors = {**dict(self.model.named_parameters()), **dict(self.model.named_buffers())}
        rules: list[dict[str, Tensor]] = []
        for name, initial in zip(self.pure.names, new.rules, strict=True):
            own = states[tensors[name]]
            for key, value in initial.items():  # torch keeps scalars in other types, or on the CPU
                own[key] = own[key].to(value).reshape(value.shape) if key in own else value
            rules.append({key: own[key] for key in initial})
        mean = self.average.mean if self.average is not None and self.average.mean else new.mean
        weights = [tensors[name].detach() for name in self.pure.names]
        return RunState(weights, {name: tensors[name].detach() for name in new.buffers}, rules, mean)

    def _update_average(self) -> None:
        """Provide the average of the weights, which the program has updated, to evaluations and checkpoints."""
        if not self.is_compiled:
            super()._update_average()
        elif self.average is not None and self._state is not None and self.count > self.average.start:
            self.average.mean = self._state.mean
            self.average.count += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the state of Step, and whether steps are compiled."""
        return {**super().state_dict(), "is_compiled": bool(self.is_compiled)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore `state`; the optimizer's own state must have been restored before."""
        super().load_state_dict(state)
        self.is_compiled = state["is_compiled"]
        self._state, self.tensors, self.rows = None, [], []


def _shapes(batch: Batch) -> Shapes:
    return tuple([part.shape for part in batch])


def _compile(program: Program) -> None:
    """Compile `program`, or load it.

    Raises:
        UsageError: it cannot be compiled.
    """
    try:
        with seeded(0):
            program.compile()
    except RuntimeError as error:
        raise UsageError(one_line(error)) from error
