"""Train a block of the runs of a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.data.loading.loader import Batch, StepLoader
from descentlab.optim.programs.program import Program, tensors_of, with_tensors
from descentlab.optim.programs.step import PureStep, RunState
from descentlab.training.table.numbers import StackedNumbers
from descentlab.training.table.outcome import StackedOutcome

CHUNK = 50  # the largest number of steps whose numbers and losses are held
FIRST = 4  # steps of the first chunk, after which a block in which every run has diverged ends; later ones are longer

MakeProgram = Callable[[RunState, Tensor, Batch], Program]
Evaluate = Callable[[Mapping[str, Tensor], str], dict[str, NDArray[np.float64]]]


class Block:
    """Stacked runs, trained together from the first to the last step.

    Args:
        step: the step of one run.
        initial: the initial states, stacked, one for each initial seed.
        seeds: for each run, its place in `initial`.
        numbers: the numbers of all runs of the table.
        places: for each axis of the table, the indices of the values of the runs.
        outcome: of the runs.
    """

    def __init__(
        self,
        step: PureStep,
        initial: RunState,
        seeds: NDArray[np.intp],
        numbers: StackedNumbers,
        places: Sequence[NDArray[np.intp]],
        outcome: StackedOutcome,
    ) -> None:
        self.step, self.numbers, self.places, self.outcome = step, numbers, places, outcome
        rows = torch.from_numpy(seeds)
        self.state = with_tensors(initial, [tensor[rows.to(tensor.device)] for tensor in tensors_of(initial)])
        self.device = tensors_of(self.state)[0].device

    def train(self, loader: StepLoader, program: MakeProgram, evaluate: Evaluate) -> dict[str, list[Any]]:
        """Train the runs, and return their results by column.

        Args:
            loader: the batches, the same for all runs.
            program: returns the program of the step for the shapes of its arguments.
            evaluate: (parameters and buffers by name, "valid" or "test") -> metrics by name.
        """
        plan, outcome = loader.plan, self.outcome
        assert plan.total is not None, "the plan of a table has no budget in seconds"
        outcome.validated(0, evaluate(self._tensors(0), "valid"), self._tensors(0))
        count = 0
        while count < plan.total and outcome.is_active.any():
            end = plan.next_validation(count)
            while count < end and outcome.is_active.any():
                size = min(CHUNK, max(FIRST, count), end - count)
                outcome.steps_done(count, self._take(loader, program, count, size))
                count += size
            if outcome.is_active.any():
                tensors = self._tensors(count)
                outcome.validated(count, evaluate(tensors, "valid"), tensors)
        outcome.test = evaluate(outcome.best_tensors, "test")
        return outcome.columns(plan.total)

    def _take(self, loader: StepLoader, program: MakeProgram, first: int, count: int) -> NDArray[np.float64]:
        """Take `count` steps, and return the losses before the updates, shape (count, runs)."""
        table = torch.from_numpy(self.numbers.table(first, count, self.places)).to(self.device)
        tensors = tensors_of(self.state)
        losses: list[Tensor] = []
        for place in range(count):
            batch = loader.parts(first + place)[0].batch
            losses.append(program(self.state, table[place], batch)(tensors, table[place], batch)[0])
        return torch.stack(losses).double().cpu().numpy()

    def _tensors(self, count: int) -> dict[str, Tensor]:
        """Return the parameters and buffers that are evaluated after `count` steps, by name."""
        weights = self.state.weights
        if count and self.step.has_evaluation_weights:
            last = torch.from_numpy(self.numbers.table(count - 1, 1, self.places)[0]).to(self.device)
            with torch.no_grad():
                weights = torch.vmap(self.step.evaluation_weights)(self.state, last)
        return dict(zip(self.step.names, weights, strict=True)) | self.state.buffers
