"""Estimates of means over seeds, with t-intervals and the number of seeds that would decide."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from descentlab.report.statistics.difference import Difference, Unpaired, t_interval
from descentlab.report.statistics.equivalence import constant_equivalence_p, needed_for_equality, needed_pairs
from descentlab.report.statistics.interval import sample_sd
from descentlab.report.statistics.paired import RESOLUTION
from descentlab.studies.inference.bounds import Bound
from descentlab.studies.inference.scales import LINEAR, Scale

ONE_SEED = "one seed: the variation over seeds is unknown"


class Estimate(Protocol):
    """What a verdict needs to know about an effect. `value` is NaN where the effect is undefined."""

    @property
    def label(self) -> str:
        """The effect in words."""
        ...

    @property
    def value(self) -> float:
        """The estimate."""
        ...

    @property
    def n(self) -> int:
        """The number of seeds."""
        ...

    @property
    def note(self) -> str:
        """What is unusual about the values, or ""."""
        ...

    @property
    def is_infinite(self) -> bool:
        """True if a diverged run, or the logarithm of 0, makes the mean infinite."""
        ...

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return the confidence interval, or None if there is none."""
        ...

    def needed(self, bound: Bound, level: float) -> int | None:
        """Return the number of seeds whose interval of `level` would decide, or None if it is not known."""
        ...


@dataclass(frozen=True)
class Mean:
    """A mean over seeds, on a scale.

    Args:
        label: the effect in words.
        center: the mean on the scale; infinite if a value is, NaN if the effect is undefined.
        n: the number of seeds.
        error: its standard error; 0 if there is none, because all values are equal, infinite or only one.
        degrees: the degrees of freedom of the t-interval.
        spread: the least and the greatest value on the scale, where there is no standard error for several values.
        groups: 2 for a difference of unpaired seeds.
        scale: maps the effect to the scale.
        note: what is unusual about the values.
    """

    label: str
    center: float
    n: int
    error: float = 0.0
    degrees: float = math.inf
    spread: tuple[float, float] | None = None
    groups: int = 1
    scale: Scale = LINEAR
    note: str = ""

    @property
    def value(self) -> float:
        """The estimate: the mean, mapped back from the scale."""
        return math.nan if math.isnan(self.center) else self.scale.back(self.center)

    @property
    def is_infinite(self) -> bool:
        """True if the mean on the scale is infinite."""
        return math.isinf(self.center)

    def interval(self, level: float) -> tuple[float, float] | None:
        """Return the t-interval, or the range of the values if they have no standard error and are enough.

        All n values lie on one side of a bound with a probability of at most 2^-n if the median does not (sign test): the
        range is an interval if that is below 1 - level, from 5 seeds on for 95 %.
        """
        if math.isnan(self.center):
            return None
        if self.error:
            low, high = t_interval(self.center, self.error, self.degrees, math.inf, level)
        elif self.spread is not None and self.n >= fewest_equal(level):
            low, high = self.spread
        else:
            return None
        return self.scale.back(low), self.scale.back(high)

    def needed(self, bound: Bound, level: float) -> int | None:
        """Return the number of seeds whose interval of `level` would decide with a probability of 80 %.

        It assumes that the true effect is the estimate, and that the standard error falls as 1 / sqrt(n).
        """
        if not self.error:
            return self._needed_equal(level)
        bound, sd = self.scale.bound(bound), self.error * math.sqrt(self.n)
        slack, width = bound.slack(self.center), bound.high - bound.low
        if slack > 0 and math.isfinite(width):
            offset = self.center - (bound.low + bound.high) / 2
            found = needed_for_equality(sd, width / 2, offset, level=(1 + level) / 2, groups=self.groups)
        else:
            found = needed_pairs(sd, slack, level=level, groups=self.groups)
        return None if found is None else max(found, self.n + 1)

    def _needed_equal(self, level: float) -> int | None:
        """Return the number of equal or infinite values that would decide; None for a single or an undefined one."""
        fewest = fewest_equal(level)
        return fewest if self.spread is not None and self.n < fewest and not math.isnan(self.center) else None


def fewest_equal(level: float) -> int:
    """Return the least n with 2^-n < 1 - level: the number of seeds from which values without a standard error decide."""
    n = 1
    while constant_equivalence_p(n) >= round(1 - level, 12):
        n += 1
    return n


def mean_over_seeds(values: Sequence[float], label: str, scale: Scale = LINEAR, note: str = "") -> Mean:
    """Return the mean of one value per seed, such as a slope, with the t-interval over seeds.

    Args:
        values: on the scale; an infinite one makes the mean infinite, NaN makes it undefined.
        label: the effect in words.
        scale: on which the values are; the estimate is mapped back.
        note: what is unusual about the values.
    """
    found, n = np.asarray(values, dtype=np.float64), len(values)
    if not n or np.isnan(found).any() or (np.isposinf(found).any() and np.isneginf(found).any()):
        return Mean(label, math.nan, n, scale=scale, note=note)
    center, spread = float(found.mean()), (float(found.min()), float(found.max()))
    if n == 1 or not math.isfinite(center):
        return Mean(label, center, n, spread=spread if n > 1 else None, scale=scale, note=note)
    if np.ptp(found) <= RESOLUTION * np.abs(found).max():  # equal up to the rounding of float32
        return Mean(label, center, n, spread=(center, center), scale=scale, note=note)
    return Mean(label, center, n, sample_sd(found) / math.sqrt(n), n - 1, scale=scale, note=note)


def mean_of_difference(found: Difference, label: str, scale: Scale, note: str = "") -> Mean:
    """Return a paired or unpaired difference of values on `scale` as an estimate."""
    groups, d = 2 if isinstance(found, Unpaired) else 1, found.difference
    spread = None if found.error else (d, d)
    return Mean(label, d, found.n, found.error, found.degrees, spread, groups, scale, note)
