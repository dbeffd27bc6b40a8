"""The numbers of a table's runs: those of each swept value, computed in the base config, and combined by `StackedNumbers`."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from descentlab.config.build import build
from descentlab.errors import UsageError
from descentlab.optim.programs.columns import Numbers
from descentlab.optim.programs.step import PureStep
from descentlab.optim.recipe import Recipe
from descentlab.store.table import RunTable
from descentlab.training.table.numbers import StackedNumbers

SAMPLES = 16  # combinations of values whose numbers are compared with those of a run by itself
LARGEST = 2**31  # bytes that the numbers of all swept values may take


class Variants:
    """Computes the numbers of runs of a table.

    Args:
        config: the config of the first run.
        table: the runs.
        model: provides the parameters.
        step: the step of the first run.
        total: the number of steps of each run.
    """

    def __init__(self, config: Mapping[str, Any], table: RunTable, model: nn.Module, step: PureStep, total: int) -> None:
        self.config, self.table, self.model, self.step, self.total = config, table, model, step, total

    def numbers(self) -> StackedNumbers:
        """Return the numbers of all runs.

        Raises:
            UsageError: a value changes more than numbers, the numbers take too much memory, or two axes change a number of
                which they are not factors.
        """
        base = self._of({})
        if sum(self.table.shape) * base.nbytes > LARGEST:
            raise UsageError("records=table: the numbers of all steps and values exceed the memory; use fewer of them")
        axes: list[NDArray[np.float64]] = []
        for axis in self.table.axes:
            words = [f"{axis.key}={value}" for value in axis.values]
            variants = zip(axis.changes, words, strict=True)
            axes.append(np.stack([self._of(change, word, words[0]) for change, word in variants]))
        numbers = StackedNumbers(base, axes)
        for places in np.random.default_rng(0).integers(0, self.table.shape, (SAMPLES, len(axes))):
            self._check(numbers, places)
        return numbers

    def _check(self, numbers: StackedNumbers, places: NDArray[np.int64]) -> None:
        """Check that the combined numbers of the run at `places` equal those computed from its config."""
        change: dict[str, float] = {}
        for axis, place in zip(self.table.axes, places, strict=True):
            change |= axis.changes[place]
        found = numbers.table(0, self.total, [np.array([place]) for place in places])[:, 0]
        if not np.allclose(found, self._of(change), rtol=1e-9, atol=0):
            keys = " and ".join(axis.key for axis in self.table.axes)
            raise UsageError(f"records=table: {keys} change a number of which they are not factors; leave out records=table")

    def _of(self, change: Mapping[str, float], word: str = "", first: str = "") -> NDArray[np.float64]:
        """Return the numbers at every step of a run whose config has `change`, shape (steps, columns).

        Args:
            change: values by dotted key.
            word: the override with this effect, for the message.
            first: that of the first run.
        """
        recipe = Recipe.of(changed(self.config, change), build)
        optimizer = recipe.make(self.model, self.total)
        own = PureStep(self.model, self.step.loss, optimizer, recipe, None)
        if own.columns != self.step.columns or own.trained != self.step.trained:
            raise UsageError(
                f"records=table: {word} computes its steps in another way than {first}, for example because a number is zero; "
                "leave one of them out"
            )
        return Numbers(recipe, optimizer, self.total).table(0, self.total)


def changed(config: Mapping[str, Any], change: Mapping[str, float]) -> dict[str, Any]:
    """Return a copy of `config` with other values of some dotted keys, such as groups.0.lr."""
    found = copy.deepcopy(dict(config))
    for key, value in change.items():
        *path, last = key.split(".")
        node: Any = found
        for name in path:
            node = node[int(name)] if isinstance(node, list) else node[name]
        node[int(last) if isinstance(node, list) else last] = value
    return found
