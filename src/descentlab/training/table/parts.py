"""Train the parts of a table: what its blocks share is made once, then each part is cut into blocks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from descentlab.data.loading.loader import StepLoader
from descentlab.optim.programs.program import stack
from descentlab.optim.programs.step import PureStep, RunState
from descentlab.store.core import Core
from descentlab.store.table import PROGRAM, RunTable
from descentlab.training.engines.explicit import Explicit
from descentlab.training.setup import load_data, make_task, plan_of, set_up_torch
from descentlab.training.table.block import Block
from descentlab.training.table.checks import check_stackable
from descentlab.training.table.outcome import StackedOutcome
from descentlab.training.table.programs import choose_programs
from descentlab.training.table.scores import evaluate, monitor_of
from descentlab.training.table.variants import Variants, changed


class Parts:
    """Trains the parts of a table.

    Args:
        config: the config of the first run.
        table: the runs.

    Raises:
        UsageError: runs of this config cannot be stacked, or a swept value changes more than numbers.
    """

    def __init__(self, config: Mapping[str, Any], table: RunTable) -> None:
        for axis in table.axes:  # the values of the axes are not always exactly those of the config
            config = changed(config, axis.changes[0])
        self.config, self.table, self.core = config, table, Core.of(config)
        set_up_torch(self.core)
        self.data = load_data(config)
        self.plan = plan_of(self.core, self.data)
        assert self.plan.total is not None, "a table has no budget in seconds"
        self.task = make_task(config, self.data, self.plan)
        self.engine = Explicit(self.core.trainer.accelerator, self.core.trainer.precision)
        self.engine.set_up(self.task, self.data, "fit")
        self.loaders: dict[int, StepLoader] = {}
        optimizer = self.task.configure_optimizers()
        check_stackable(self.task, self._loader(0), optimizer)
        self.task.check_batches(self._loader(0))
        self.step = PureStep(self.task.model, self.task.loss, optimizer, self.task.recipe, None)
        self.numbers = Variants(config, table, self.task.model, self.step, self.plan.total).numbers()
        self.initial = self._initial()
        batch = self._loader(0).parts(0)[0].batch
        path = table.folder / PROGRAM
        self.programs = choose_programs(path, self.step, self.initial, batch, table.size, self.plan.total)

    def train(self, part: int) -> dict[str, list[Any]]:
        """Train the runs of a part, and return their results by column."""
        runs, size = self.table.parts[part], self.programs.size
        found: dict[str, list[Any]] = {}
        for first in range(0, len(runs), size):
            for name, values in self._train_block(runs[first : first + size]).items():
                found.setdefault(name, []).extend(values)
        return found

    def _train_block(self, runs: Sequence[int]) -> dict[str, list[Any]]:
        """Train a block and return the results of `runs`; slots without a run repeat the last one."""
        size = self.programs.size
        places = self.table.places([*runs, *[runs[-1]] * (size - len(runs))])
        outcome = StackedOutcome(size, self.core.stop.divergence, *monitor_of(self.task))
        block = Block(self.step, self.initial, self._places_of("seed", places), self.numbers, places, outcome)
        loader = self._loader(int(self._places_of("data_seed", places)[0]))
        started = time.perf_counter()
        columns = block.train(loader, self.programs.program, self._evaluate)
        seconds = (time.perf_counter() - started) / len(runs)
        return {name: values[: len(runs)] for name, values in columns.items()} | {"train_seconds": [seconds] * len(runs)}

    def _places_of(self, key: str, places: Sequence[NDArray[np.intp]]) -> NDArray[np.intp]:
        """Return the indices of the values of `key`, a seed; zeros if all runs have the same."""
        found = [own for axis, own in zip(self.table.axes, places, strict=True) if key in axis.changes[0]]
        return found[0] if found else np.zeros(len(places[0]), dtype=np.intp)

    def _values_of(self, key: str) -> list[int]:
        """Return the values that the runs have of `key`, a seed."""
        found = [axis for axis in self.table.axes if key in axis.changes[0]]
        return [int(change[key]) for change in found[0].changes] if found else [self.config[key]]

    def _loader(self, place: int) -> StepLoader:
        """Return the batches of a data_seed; a place among its values."""
        seed = self._values_of("data_seed")[place]
        if place not in self.loaders and not self.loaders:
            self.data.serve(self.plan, seed, None, self.config.get("branch"))
            self.loaders[place] = self.data.train_dataloader()
        elif place not in self.loaders:
            self.loaders[place] = next(iter(self.loaders.values())).with_seed(seed)
        return self.loaders[place]

    def _initial(self) -> RunState:
        """Return the stacked initial states, one for each seed."""
        states: list[RunState] = []
        for seed in self._values_of("seed"):
            task = make_task({**self.config, "seed": seed}, self.data, self.plan)
            self.engine.set_up(task, self.data, "fit")
            states.append(self.step.state_of(task.model))
        return stack(states)

    def _evaluate(self, tensors: Mapping[str, Tensor], split: str) -> dict[str, NDArray[np.float64]]:
        batches = self.data.val_dataloader() if split == "valid" else self.data.test_dataloader()
        return evaluate(self.task, tensors, batches)
