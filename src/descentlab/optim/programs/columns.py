"""The numbers of a step that may differ between the runs of a block and between steps, as columns of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch.optim import Optimizer

from descentlab.optim.average import Average
from descentlab.optim.composite import parts_of
from descentlab.optim.programs.update_rules import hyperparameters, update_rule
from descentlab.optim.recipe import Recipe
from descentlab.optim.schedules import Schedule

Found = tuple[
    float, float | None, float | None, float | None
]  # of the schedules: rate, momentum, momentum factor, decay factor
Schedules = tuple[Schedule | None, Schedule | None, Schedule | None]  # of the rate, the momentum and the decay
MOMENTUM = ("momentum", "betas.0")


@dataclass(frozen=True)
class Column:
    """One number of each run.

    Args:
        group: index of the parameter group; -1 for what concerns the whole run.
        name: lr, betas.0, ..., shrink (decoupled decay) and coupled (coupled decay) of a group; seed and step (of random
            numbers), clip_norm, clip_value, clip_adaptive, noise (its deviation), low and high (of the projection) and share
            (averaging) of the run.
    """

    group: int
    name: str


SEED, STEP, SHARE, NOISE = Column(-1, "seed"), Column(-1, "step"), Column(-1, "share"), Column(-1, "noise")
LOW, HIGH = Column(-1, "low"), Column(-1, "high")  # of the projection
CLIP_NORM, CLIP_VALUE, CLIP_ADAPTIVE = Column(-1, "clip_norm"), Column(-1, "clip_value"), Column(-1, "clip_adaptive")


def columns_of(recipe: Recipe, optimizer: Optimizer) -> list[Column]:
    """Return the columns of a run; those of runs in one block are the same."""
    return list(_bases(recipe, optimizer))


class Numbers:
    """The values of the columns of one run at each step.

    Args:
        recipe: the run's recipe.
        optimizer: the run's optimizer, with the hyperparameters of the start.
        total: the steps of the run; None: unknown.
    """

    def __init__(self, recipe: Recipe, optimizer: Optimizer, total: int | None) -> None:
        self.recipe, self.total = recipe, total
        self._schedules: Schedules = (recipe.schedule, recipe.momentum_schedule, recipe.decay_schedule)
        bases = _bases(recipe, optimizer)
        self.columns = list(bases)
        self.bases = np.array(list(bases.values()), dtype=np.float64)
        sizes = [len(part.param_groups) for part in parts_of(optimizer)]
        self.part_of_group = [part for part, size in enumerate(sizes) for _ in range(size)]

    def table(self, first: int, count: int) -> NDArray[np.float64]:
        """Return the values at `count` steps from `first` on, shape (count, columns)."""
        found = _found(self._schedules, self.total, first, count)
        if all(each == found[0] for each in found[1:]):
            rows = np.broadcast_to(self._row(found[0]), (count, len(self.columns))).copy()
        else:
            rows = np.stack([self._row(each) for each in found])
        for place, column in enumerate(self.columns):
            if column == STEP:
                rows[:, place] = np.arange(first, first + count)
            elif column == SHARE:
                rows[:, place] = _shares(self.recipe.average, self.total, first, count)
            elif column == NOISE:
                rows[:, place] = [self.recipe.noise.deviation(step) for step in range(first, first + count)]
        return rows

    def lrs(self, row: NDArray[np.float64]) -> dict[str, float]:
        """Return the highest learning rate in a row of the table by curve name, as `Values.lrs` does."""
        found: dict[str, float] = {}
        for column, value in zip(self.columns, row, strict=True):
            if column.name == "lr":
                name = ("lr", "lr_auxiliary")[self.part_of_group[column.group]]
                found[name] = max(found.get(name, -np.inf), float(value))
        return found

    def _row(self, found: Found) -> NDArray[np.float64]:
        multiplier, momentum, momentum_factor, decay_factor = found
        decay = 1.0 if decay_factor is None else decay_factor
        factors = {"lr": multiplier, "multiplier": multiplier, "weight_decay": decay, "coupled": decay}
        factors["shrink"] = decay * multiplier
        row = self.bases.copy()
        for place, column in enumerate(self.columns):
            if column.name in MOMENTUM and row[place]:  # a momentum of 0 remains 0, as in Values
                own = row[place] if momentum is None else momentum
                row[place] = own * (1.0 if momentum_factor is None else momentum_factor)
            else:
                row[place] *= factors.get(column.name, 1.0)
        return row


def _found(schedules: Schedules, total: int | None, first: int, count: int) -> Sequence[Found]:
    """Return the values of the schedules at `count` steps from `first` on. Runs with equal schedules share the result."""
    if any(schedule is not None and schedule.state_dict() for schedule in schedules):
        return _evaluated(schedules, total, first, count)
    try:
        return _remembered(schedules, total, first, count)
    except TypeError:  # a setting of a schedule is not hashable, such as a list
        return _evaluated(schedules, total, first, count)


def _evaluated(schedules: Schedules, total: int | None, first: int, count: int) -> Sequence[Found]:
    rate, momentum, decay = schedules
    assert rate is not None
    return [
        (rate(step, total), rate.momentum(step, total), momentum and momentum(step, total), decay and decay(step, total))
        for step in range(first, first + count)
    ]


_remembered = lru_cache(maxsize=64)(_evaluated)


def _bases(recipe: Recipe, optimizer: Optimizer) -> dict[Column, float]:
    """Return the values of the columns before schedules."""
    bases: dict[Column, float] = {SEED: float(recipe.seed), STEP: 0.0}
    index = 0
    for part in parts_of(optimizer):
        for group in part.param_groups:
            bases |= _of_group(recipe, part, group, index)
            index += 1
    clip = recipe.clip
    for column, bound in ((CLIP_VALUE, clip.value), (CLIP_NORM, clip.norm), (CLIP_ADAPTIVE, clip.adaptive)):
        if bound is not None:
            bases[column] = bound
    if recipe.noise.std is not None:
        bases[NOISE] = recipe.noise.std
    if recipe.project.interval is not None:
        bases |= dict(zip((LOW, HIGH), map(float, recipe.project.interval), strict=True))
    if recipe.average.kind != "none":
        bases[SHARE] = 1.0
    return bases


def _of_group(recipe: Recipe, part: Optimizer, group: Mapping[str, Any], index: int) -> dict[Column, float]:
    """Return the columns of a parameter group."""
    rule = update_rule(part, group)
    assert rule is not None, "the caller has checked the optimizer"
    bases = {Column(index, name): value for name, value in hyperparameters(rule, group)[0].items()}
    decay = recipe.decay
    if decay.rate and decay.kind == "coupled":
        bases[Column(index, "coupled")] = decay.rate
    elif decay.rate:
        bases[Column(index, "shrink")] = decay.rate * (1.0 if decay.kind == "independent" else float(group["lr"]))
    return bases


def _shares(average: Average, total: int | None, first: int, count: int) -> NDArray[np.float64]:
    """Return the share of the new weights in their average at each step; 1 until the first averaged step, which includes it."""
    before = np.arange(first, first + count, dtype=np.float64) - average.first_step(total)  # steps averaged before
    known = np.maximum(before, 0.0)
    shares = 1 / (known + 1) if average.kind == "swa" else 1 - np.minimum(average.decay, (1 + known) / (10 + known))
    return np.where(before <= 0, 1.0, shares)
