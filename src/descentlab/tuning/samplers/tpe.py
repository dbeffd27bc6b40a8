"""The tree-structured Parzen estimator of Optuna: it proposes points where earlier trials had good scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from descentlab.config.search import Choices, Range
from descentlab.tuning.samplers.base import ROUND, Unit, library

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial


class Tpe:
    """Asks Optuna for points in rounds of 4, and tells it the scores of a round in the order of the trials.

    The points depend on the seed and the scores only, so a repeated command rebuilds the state of the sampler from the
    records of earlier trials. Source: Bergstra et al. 2011, as in optuna.samplers.TPESampler (its first 10 points are random).

    Args:
        ranges: the ranges of the search space.
        trials: not used.
        seed: of the sampler.
    """

    size = None

    def __init__(self, ranges: Sequence[Range], trials: int, seed: int) -> None:
        import optuna
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.library = library("optuna")
        self.study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        self.choices = [len(each.options) if isinstance(each, Choices) else 0 for each in ranges]
        self.distributions: dict[str, BaseDistribution] = {
            str(index): CategoricalDistribution(tuple(range(count))) if count else FloatDistribution(0.0, 1.0)
            for index, count in enumerate(self.choices)
        }
        self.units: list[Unit] = []
        self.round: list[Trial] = []

    def propose(self, count: int, scores: Sequence[float | None]) -> Sequence[Unit]:
        """Return the points that the scores so far determine, at most `count`."""
        while len(self.units) < count and len(scores) >= len(self.units):
            self._tell(scores[len(self.units) - len(self.round) : len(self.units)])
            self.round = [self.study.ask(self.distributions) for _ in range(ROUND)]
            self.units += [self._unit(trial) for trial in self.round]
        return self.units[:count]

    def _tell(self, scores: Sequence[float | None]) -> None:
        for trial, score in zip(self.round, scores, strict=True):
            self.study.tell(trial, -math.inf if score is None else score)

    def _unit(self, trial: Trial) -> Unit:
        """Return the position of a trial; a choice is in the middle of its part of [0, 1]."""
        values = [trial.params[key] for key in self.distributions]
        return [(value + 0.5) / count if count else value for value, count in zip(values, self.choices, strict=True)]
