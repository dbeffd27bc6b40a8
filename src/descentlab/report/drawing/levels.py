"""Horizontal lines of figures: targets and the results of baselines."""

from __future__ import annotations

from typing import Any

from descentlab.report.drawing.figure import Level
from descentlab.report.formats import format_number
from descentlab.report.series import Comparison


def target_levels(comparison: Comparison) -> list[Level]:
    """Return the targets of the runs."""
    return [(target, f"target {format_number(target)}") for target in comparison.targets]


def baseline_levels(comparison: Comparison, *path: str) -> list[Level]:
    """Return a result of each baseline.

    Args:
        comparison: its runs' summaries contain the baselines' results.
        path: the keys that lead to the value in ``summary["baseline"]``, such as "valid", "loss".
    """
    found: dict[Level, None] = {}
    for run in comparison.runs:
        value: Any = run.summary.get("baseline") or {}
        name = value.get("name")
        for key in path:
            value = (value or {}).get(key)
        if value is not None:
            found[float(value), f"{name} {format_number(value)}"] = None
    return list(found)
