"""Sensitivity to a hyperparameter on a logarithmic scale: mean excess loss over a range, and width of the basin of the best.

Wortsman et al., "Small-scale proxies for large-scale Transformer training instabilities" (arXiv:2309.14322), define the
learning-rate sensitivity as the mean over learning rates of min(loss, initial loss) - best loss. It is small for an optimizer
that needs no tuning.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from descentlab.report.statistics.tuning_curves import Mode

Values = Mapping[float, float | None]  # rate -> value; None for a rate at which training diverged


@dataclass(frozen=True)
class Basin:
    """The range of rates around the best one in which the value stays close to the best.

    Attributes:
        low: the lower end, interpolated between measured rates.
        high: the upper end.
        decades: log10(high / low).
        open_low: True if the basin extends to the smallest measured rate, so that it may be wider.
        open_high: True if it extends to the largest one.
    """

    low: float
    high: float
    decades: float
    open_low: bool
    open_high: bool


def sensitivity(values: Values, mode: Mode, worst: float, low: float | None = None, high: float | None = None) -> float | None:
    """Return the mean excess over the best value, as the integral over the logarithm of the rate (trapezoidal rule).

    Compare optimizers over ranges of the same width: the mean depends on the range.

    Args:
        values: the mean value at each learning rate, in any order.
        mode: whether the value is minimized (a loss) or maximized.
        worst: the value of the untrained model. A worse value, and a diverged run, count as this one.
        low: the lower end of the range; None: the smallest rate. Between measured rates the value is interpolated.
        high: the upper end of the range; None: the largest rate.

    Returns:
        the mean excess in the unit of the value, at least 0; None if fewer than two rates were measured or none has a value.

    Raises:
        ValueError: a rate is not positive, or the range is empty or extends beyond the measured rates.
    """
    if len(values) < 2 or all(value is None for value in values.values()):
        return None
    logs, losses = _losses(values, mode, worst)
    first = logs[0] if low is None else math.log10(low)
    last = logs[-1] if high is None else math.log10(high)
    if not logs[0] - 1e-9 <= first < last <= logs[-1] + 1e-9:
        raise ValueError(f"the range from {low} to {high} is empty or extends beyond the rates")
    inner = (logs > first) & (logs < last)
    x = np.concatenate([[first], logs[inner], [last]])
    excess = np.interp(x, logs, losses) - losses.min()
    return float(np.trapezoid(excess, x) / (last - first))


def basin(values: Values, mode: Mode, tolerance: float = 0.05) -> Basin | None:
    """Return the range of rates around the best one in which the value differs by at most `tolerance` times the best.

    Between measured rates the value is interpolated linearly in the logarithm of the rate; the basin ends at the last measured
    rate before a diverged one. If the best value is 0, the basin is a point.

    Args:
        values: the mean value at each learning rate, in any order.
        mode: whether the value is minimized or maximized.
        tolerance: the accepted difference as a fraction of the best value: .05 accepts losses up to 1.05 times the best, and
            accuracies down to .95 times the best.

    Returns:
        the connected range that contains the best rate; None if fewer than two rates were measured or none has a value.

    Raises:
        ValueError: a rate is not positive.
    """
    if len(values) < 2 or all(value is None for value in values.values()):
        return None
    logs, losses = _losses(values, mode, math.inf if mode == "min" else -math.inf)
    best = int(losses.argmin())
    limit = losses[best] + tolerance * abs(losses[best])
    low, open_low = _crossing(logs[best::-1], losses[best::-1], limit)
    high, open_high = _crossing(logs[best:], losses[best:], limit)
    return Basin(float(10**low), float(10**high), high - low, open_low, open_high)


def _signed(value: float, mode: Mode) -> float:
    """Return the value of which higher is better."""
    return value if mode == "max" else -value


def _losses(values: Values, mode: Mode, worst: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the logarithms of the rates, ascending, and the values as losses of at most that of `worst`."""
    rates = sorted(values)
    if rates[0] <= 0:
        raise ValueError(f"the rate {rates[0]:g} is not positive")
    limit = -_signed(worst, mode)
    found = (values[rate] for rate in rates)
    losses = [limit if value is None or math.isnan(value) else min(-_signed(value, mode), limit) for value in found]
    return np.log10(rates), np.array(losses)


def _crossing(logs: np.ndarray, losses: np.ndarray, limit: float) -> tuple[float, bool]:
    """Return where the interpolated losses first exceed `limit`, going away from the best rate, which is the first.

    Returns:
        the logarithm of the rate; and True if the losses never exceed the limit, so that it is the last one.
    """
    above = np.flatnonzero(losses > limit)
    if not above.size:
        return float(logs[-1]), True
    end = int(above[0])
    share = (limit - losses[end - 1]) / (losses[end] - losses[end - 1])
    return float(logs[end - 1] + share * (logs[end] - logs[end - 1])), False
