"""Learning-rate range tests: what the loss shows while the learning rate grows exponentially over the steps of a run.

Sources: Smith (2017), "Cyclical learning rates for training neural networks", arXiv:1506.01186, section 3.3; fastai's
`lr_find`, which grows the rate exponentially and suggests a tenth of the rate with the lowest smoothed loss, or that of
steepest descent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from descentlab.report.statistics.interval import mean_interval

WINDOW = 0.05  # of the steps, over which the loss is averaged
ONSET = 0.1  # of the fall from the first to the lowest smoothed loss, at the knee
FLAT = 0.05  # of the same fall, by which a smoothed loss may exceed the lowest one and still count as low
RISE = 0.5  # of its absolute value by which a loss exceeds that of the first step if training diverges
LAST = 0.1  # of the steps of a run with a constant rate, whose mean loss is compared with that of the first step
TENTH = 10.0

Rule = Literal["tenth", "steepest"]
Values = NDArray[np.float64]


@dataclass(frozen=True)
class RangeTest:
    """What a run with a growing learning rate shows.

    Attributes:
        rates: (n,) the learning rate of each step, ascending.
        losses: (n,) the loss of each step, before its update.
        smoothed: (n,) its centred mean over WINDOW of the steps.
        knee: the rate at which the smoothed loss has made ONSET of its whole fall; None if it never falls.
        steepest: the rate at which it falls fastest per decade; None if it never falls.
        lowest: the largest rate below the divergence at which the smoothed loss is within FLAT of its minimum: the end of the
            valley, which is flat where the loss has reached its noise; None if it never falls.
        divergence: the rate at which it first exceeds that of the first step by RISE after its minimum, or is not finite; None
            if it never does.
    """

    rates: Values
    losses: Values
    smoothed: Values
    knee: float | None
    steepest: float | None
    lowest: float | None
    divergence: float | None

    def suggestion(self, rule: Rule) -> float | None:
        """Return a tenth of the rate with the lowest loss ("tenth"), or the rate of steepest descent ("steepest")."""
        if rule == "steepest" or self.lowest is None:
            return self.steepest
        return self.lowest / TENTH


def range_test(rates: Sequence[float], losses: Sequence[float]) -> RangeTest:
    """Return what the losses of a run with growing rates show.

    Args:
        rates: (n,) the learning rate of each step, ascending, n >= 2.
        losses: (n,) the loss of each step; steps after a divergence may be missing.
    """
    at, y = np.asarray(rates, np.float64), np.asarray(losses, np.float64)
    finite = np.isfinite(y)
    end = len(y) if finite.all() else int(np.argmin(finite))  # the first loss that is not finite
    smoothed = np.full(len(y), np.nan)
    smoothed[:end] = smooth(y[:end], max(1, round(WINDOW * len(y))))
    if end < 2:
        return RangeTest(at, y, smoothed, None, None, None, float(at[min(end, len(at) - 1)]))
    best = int(np.argmin(smoothed[:end]))
    risen = np.flatnonzero(smoothed[best:end] > smoothed[0] + RISE * abs(smoothed[0]))
    stop = best + int(risen[0]) if len(risen) else end
    divergence = float(at[stop]) if stop < len(y) else None
    if best == 0 or not smoothed[best] < smoothed[0]:
        return RangeTest(at, y, smoothed, None, None, None, divergence)
    fall = smoothed[0] - smoothed[best]
    knee = int(np.argmax(smoothed[: best + 1] <= smoothed[0] - ONSET * fall))
    lowest = best + int(np.flatnonzero(smoothed[best:stop] <= smoothed[best] + FLAT * fall)[-1])
    slopes = np.gradient(smoothed[: best + 1], np.log10(at[: best + 1]))
    return RangeTest(at, y, smoothed, float(at[knee]), float(at[np.argmin(slopes)]), float(at[lowest]), divergence)


def smooth(values: Values, window: int) -> Values:
    """Return the centred mean of each value and its neighbours: `window` values, fewer at the ends, symmetrically."""
    last = len(values) - 1
    halves = [min(window // 2, at, last - at) for at in range(len(values))]
    return np.array([values[at - half : at + half + 1].mean() for at, half in enumerate(halves)])


def diverges(losses: Sequence[float]) -> bool:
    """Return True if training with a constant rate diverges: the mean of the last losses exceeds the first one by RISE.

    Args:
        losses: the loss of each step of a run.
    """
    y = np.asarray(losses, np.float64)
    last = y[-max(1, round(LAST * len(y))) :].mean()
    return not math.isfinite(last) or bool(last > y[0] + RISE * abs(y[0]))


@dataclass(frozen=True)
class RateEstimate:
    """A learning rate over seeds.

    Attributes:
        rate: the geometric mean.
        low: the lower end of the 95 % t-interval of the mean of the logarithms; None for a single seed.
        high: its upper end.
        n: the number of seeds.
    """

    rate: float
    low: float | None
    high: float | None
    n: int

    def __str__(self) -> str:
        if self.low is None or self.high is None:
            return f"{self.rate:.2g}"
        return f"{self.rate:.2g} [{self.low:.2g}, {self.high:.2g}]"


def over_seeds(rates: Sequence[float | None]) -> RateEstimate | None:
    """Return the geometric mean of a rate over seeds with its interval; None if a seed has none."""
    known = [math.log(rate) for rate in rates if rate is not None]
    if not known or len(known) < len(rates):
        return None
    interval = mean_interval(known)
    ends = (None, None) if interval is None else (math.exp(interval.low), math.exp(interval.high))
    return RateEstimate(math.exp(sum(known) / len(known)), *ends, len(known))
