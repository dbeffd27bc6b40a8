"""Least-squares lines through the values of a seed over x."""

from __future__ import annotations

import math

import numpy as np

from descentlab.report.statistics.interval import Array
from descentlab.studies.inference.claims import Claim
from descentlab.studies.inference.diverged import replaced
from descentlab.studies.inference.estimates import Mean, mean_over_seeds
from descentlab.studies.inference.observations import Row

# Scale -> whether the decimal logarithm of x and of the value is taken.
AXES = {"loglog": (True, True), "semilogx": (True, False), "semilogy": (False, True), "linear": (False, False)}


def slope_of_arm(claim: Claim, arm: str, scale: str, low: float, high: float) -> Mean:
    """Return the mean slope over seeds of an arm, or for one seed the slope of its line with its standard error.

    Args:
        claim: with the bound, and what a seed without a slope counts as.
        arm: its name.
        scale: of AXES.
        low: the least x that is used.
        high: the greatest one.
    """
    label = f"slope of {arm} ({scale})"
    points = claim.observations.points(arm)
    lines = [_transformed(rows, scale, low, high) for rows in points.values()]
    slopes = [replaced(None if line is None else slope(*line), claim.bound, claim.diverged) for line in lines]
    missing = sum(line is None for line in lines)
    note = f"{missing} of {len(lines)} seeds have no slope" if missing else ""
    if len(lines) == 1 and lines[0] is not None and (error := standard_error(*lines[0])):
        return Mean(label, slopes[0], 1, error, len(lines[0][0]) - 2, note="standard error of one line")
    return mean_over_seeds(slopes, label, note=note)


def slope(x: Array, y: Array) -> float:
    """Return the least-squares slope of y over x, both (points,)."""
    centered = x - x.mean()
    return float(centered @ y / (centered @ centered))


def standard_error(x: Array, y: Array) -> float | None:
    """Return the standard error of the slope, sqrt(RSS / ((m - 2) sum (x - mean)^2)); None for fewer than 3 points."""
    if len(x) < 3:
        return None
    centered = x - x.mean()
    residuals = y - y.mean() - slope(x, y) * centered
    return math.sqrt(float(residuals @ residuals) / ((len(x) - 2) * float(centered @ centered)))


def _transformed(rows: list[Row], scale: str, low: float, high: float) -> tuple[Array, Array] | None:
    """Return x from `low` to `high` and the values on the axes; None if one of them is undefined there, or for a single x."""
    rows = [row for row in rows if row.x is not None and low <= row.x <= high]
    if len({row.x for row in rows}) < 2 or any(row.value is None for row in rows):
        return None
    x, y = (np.array([row[place] for row in rows], dtype=np.float64) for place in (1, 3))
    log_x, log_y = AXES[scale]
    if (log_x and x.min() <= 0) or (log_y and y.min() <= 0):
        return None
    return np.log10(x) if log_x else x, np.log10(y) if log_y else y
