"""The settings of a range test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from descentlab.config.constraints import Choice, Constraint, Number
from descentlab.errors import UsageError, format_value
from descentlab.report.statistics.lr_range import Rule

FIRST_SEED = 1000  # tuning seeds, so that no seed both chooses a rate and reports

ALLOWED: Mapping[str, Constraint] = {
    "low": Number(0, open_low=True),
    "high": Number(0, open_low=True),
    "steps": Number(10, integer=True),
    "seeds": Number(1, integer=True),
    "rule": Choice(("tenth", "steepest")),
    "refine": Choice((True, False)),
}


@dataclass(frozen=True)
class Settings:
    """The settings of a range test.

    Attributes:
        low: the learning rate of the first step.
        high: that of the last step.
        steps: the number of steps.
        seeds: the number of runs, which have different seeds.
        rule: "tenth" suggests a tenth of the largest rate with the lowest loss, "steepest" the rate of steepest descent.
        refine: True to find the largest stable constant rate by bisection, with further runs.
    """

    low: float = 1e-6
    high: float = 10.0
    steps: int = 200
    seeds: int = 3
    rule: Rule = "tenth"
    refine: bool = False

    @classmethod
    def checked(cls, **values: Any) -> Self:
        """Return the settings.

        Raises:
            UsageError: a value is outside its range, or `low` is not below `high`.
        """
        settings = cls(**values)
        for field in fields(cls):
            value = getattr(settings, field.name)
            if value not in ALLOWED[field.name]:
                raise UsageError(f"{field.name}={format_value(value)} is not allowed: {field.name} is {ALLOWED[field.name]}")
        if settings.low >= settings.high:
            raise UsageError(f"low={settings.low:g} is not below high={settings.high:g}")
        return settings

    def seed(self, number: int) -> int:
        """Return the seed of a run, given by its number from 0."""
        return FIRST_SEED + number
