"""Formats of numbers in sentences and tables."""

from __future__ import annotations

import math
from collections.abc import Callable

from descentlab.report.statistics.estimate import Estimate

MAX_DECIMALS = 6  # numbers that need more are shown with significant digits, such as 1.2e-09

Format = Callable[[float], str]


def format_number(value: float) -> str:
    """Format with four significant digits, such as 0.9733 or 1.2e-05."""
    return f"{value + 0.0:.4g}"  # without the sign of -0.0


def format_fixed(value: float, decimals: int) -> str:
    """Format with a number of decimals, such as "-0.54"; a value that rounds to zero is "0"."""
    shown = f"{value:,.{decimals}f}"
    return shown if shown.strip("-0.") else "0"


def format_count(value: float) -> str:
    return f"{value:,.0f}"


def format_seconds(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def format_estimate(estimate: Estimate, format: Format) -> str:
    """Format a mean with its interval, such as "0.9812 [0.9785, 0.9836]".

    A single seed gives the number alone, equal values "0.5 (equal in all 3)".

    Args:
        estimate: the mean and its interval.
        format: formats a mean without an interval.
    """
    if estimate.low is None or estimate.high is None:
        return format(estimate.mean)
    if estimate.is_equal:
        return f"{format(estimate.mean)} (equal in all {estimate.n})"
    rounded = format_range([estimate.mean, estimate.low, estimate.high], 0 if format is format_count else None)
    return "{} [{}, {}]".format(*rounded)


def format_range(values: list[float], decimals: int | None = None) -> list[str]:
    """Format a value and the ends of its interval with the same number of decimals; zero is "0".

    Args:
        values: a value, the lower and the upper end.
        decimals: the number of decimals; None: as many as the distance to the nearer end has to be shown to two significant
            digits, or one from 36 on (the Particle Data Group's rule for uncertainties).
    """
    value, low, high = values
    if decimals is None:
        arm = min(value - low, high - value) or high - low
        decimals = _decimals(arm) if arm > 0 else 4
    if decimals > MAX_DECIMALS:
        return [f"{value:.3g}" for value in values]
    return [format_fixed(value, decimals) for value in values]


def _decimals(uncertainty: float) -> int:
    exponent = math.floor(math.log10(uncertainty))
    two_digits = uncertainty / 10.0**exponent < 3.55
    return max(0, (1 if two_digits else 0) - exponent)


def format_p(p: float) -> str:
    """Format a p-value with its relation, such as "p = 0.013" or "p < 0.0001"."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def format_p_cell(p: float) -> str:
    """Format a p-value for a table whose heading names it, such as "0.013" or "<0.0001"."""
    return "<0.0001" if p < 1e-4 else f"{p:.2g}"


def format_duration(seconds: float) -> str:
    """Format a duration with a unit, such as "4.3 s", "41 min" or "3.2 h"."""
    if seconds < 120:
        return f"{format_seconds(seconds)} s"
    return f"{format_seconds(seconds / 60)} min" if seconds < 7200 else f"{format_seconds(seconds / 3600)} h"
