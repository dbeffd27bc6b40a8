"""Claims: the settings of a check with the values on which it is evaluated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from descentlab.studies.inference.bounds import Bound, bound_of
from descentlab.studies.inference.observations import Observations

LEVEL = 0.95


@dataclass(frozen=True)
class Claim:
    """A claim to evaluate.

    Args:
        settings: the valid settings of the check.
        observations: the values.
        arms: the arms that the settings name, or all arms of the values.
    """

    settings: Mapping[str, Any]
    observations: Observations
    arms: Sequence[str]

    @classmethod
    def of(cls, settings: Mapping[str, Any], values: pl.DataFrame) -> Claim:
        """Return the claim of valid settings about a frame of values."""
        observations = Observations.of(values)
        return cls(settings, observations, arms_of(settings) or observations.arms)

    def between(self, low: float, high: float) -> Claim:
        """Return the claim about the values at x from `low` to `high`, and about those without x."""
        rows = tuple(row for row in self.observations.rows if row.x is None or low <= row.x <= high)
        return replace(self, observations=Observations(rows))

    @property
    def bound(self) -> Bound:
        """The bound that the settings give: at_most, at_least or within."""
        return bound_of(self.settings)

    @property
    def level(self) -> float:
        """The confidence level of the intervals."""
        return float(self.settings.get("level", LEVEL))

    @property
    def exact(self) -> bool:
        """True if the quantity is deterministic: the estimate decides."""
        return bool(self.settings.get("exact", False))

    @property
    def diverged(self) -> str:
        """What a run without a value counts as; see `descentlab.studies.inference.diverged`."""
        return str(self.settings.get("diverged", "against"))


def arms_of(settings: Mapping[str, Any]) -> list[str]:
    """Return the arms that the settings name; `arms: adam` is `arms: [adam]`."""
    arms = settings.get("arms") or []
    return [arms] if isinstance(arms, str) else list(arms)
