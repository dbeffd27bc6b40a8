"""The settings of the tuner: the keys of conf/hydra/sweeper/tune.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from descentlab import extras
from descentlab.config.constraints import Choice, Constraint, Number
from descentlab.errors import UsageError, format_value, nearest
from descentlab.tuning.samplers import SAMPLERS

FIRST_TUNING_SEED = 1000  # report seeds are below it, so that no seed both selects and reports
COUNT = Number(1, integer=True)

ALLOWED: Mapping[str, Constraint] = {
    "trials": COUNT,
    "seeds": Number(1, FIRST_TUNING_SEED, integer=True),
    "tuning_seeds": Number(1, FIRST_TUNING_SEED, integer=True),
    "sampler": Choice(tuple(SAMPLERS)),
    "sampler_seed": Number(0, 2**32 - 1, integer=True),
    "halving": Number(2, optional=True),
    "max_steps": Number(1, integer=True, optional=True),
    "max_seconds": Number(0, open_low=True, optional=True),
}


@dataclass(frozen=True)
class Settings:
    """The protocol that every arm of a tuning sweep follows.

    Attributes:
        trials: the number of points of the search space; with a cost limit, the largest number.
        seeds: the number of runs that report the selected settings, and of those with the default settings.
        tuning_seeds: the number of runs of each trial.
        sampler: a key of SAMPLERS.
        sampler_seed: the seed of the sampler.
        halving: the factor of successive halving; None: every trial takes the full budget.
        max_steps, max_seconds: an arm starts no further trials once its trials have taken this much; None: no limit.
    """

    trials: int
    seeds: int
    tuning_seeds: int
    sampler: str
    sampler_seed: int
    halving: float | None
    max_steps: int | None
    max_seconds: float | None

    @classmethod
    def of(cls, node: Mapping[str, Any]) -> Self:
        """Return the settings of the node hydra.sweeper.

        Raises:
            UsageError: a value is outside its range, the sampler's library is missing, or two settings contradict each other.
        """
        if missing := [field.name for field in fields(cls) if field.name not in node]:
            raise UsageError(f"hydra.sweeper.{missing[0]} is missing: conf/hydra/sweeper/tune.yaml has all keys")
        settings = cls(**{field.name: node[field.name] for field in fields(cls)})
        for key, allowed in ALLOWED.items():
            value = getattr(settings, key)
            if value not in allowed:
                close = nearest(str(value), getattr(allowed, "options", ()))
                raise UsageError(f"{key}={format_value(value)} is not allowed: {key} is {allowed}{close}")
        if settings.sampler == "tpe":
            extras.require("optuna", "sampler=tpe")
        if settings.halving and (settings.sampler == "tpe" or settings.has_cost_limit):
            other = "sampler=tpe" if settings.sampler == "tpe" else "max_steps or max_seconds"
            raise UsageError(f"halving={settings.halving:g} cannot be combined with {other}: leave one out")
        return settings

    @property
    def has_cost_limit(self) -> bool:
        """True if an arm may end before it has all its trials."""
        return self.max_steps is not None or self.max_seconds is not None

    @property
    def report(self) -> list[int]:
        """The seeds of the runs that report."""
        return list(range(self.seeds))

    @property
    def tuning(self) -> list[int]:
        """The seeds of the runs of each trial."""
        return list(range(FIRST_TUNING_SEED, FIRST_TUNING_SEED + self.tuning_seeds))
