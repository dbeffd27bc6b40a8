"""The numbers of a run that tables show, and their format. To add a column, add a Measure to MEASURES."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from descentlab.report.statistics.estimate import Estimate

NOT_MEASURED = "–"
UNDEFINED = "undefined"

Summary = Mapping[str, Any]
Format = Callable[[float], str]


@dataclass(frozen=True)
class Measure:
    """One number of a run, a column of the tables.

    Args:
        key: the column name in CSV files.
        heading: the column name in the other tables; ``{metric}`` stands for the name of the monitored metric.
        get: a function that returns the number from a record's summary; None if it was not measured or is undefined.
        format: formats the number.
        undefined_key: the key of the summary's ``undefined`` that holds the reason; ``{metric}`` as in the heading.
    """

    key: str
    heading: str
    get: Callable[[Summary], float | None]
    format: Format
    undefined_key: str = ""

    def reason(self, summary: Summary, monitor: str) -> str:
        """Return the reason why the number is undefined; empty if it is defined or was not measured."""
        return (summary.get("undefined") or {}).get(self.undefined_key.format(metric=monitor), "")


def format_number(value: float) -> str:
    """Format with four significant digits, such as 0.9733 or 1.2e-05."""
    return f"{value:.4g}"


def format_count(value: float) -> str:
    return f"{value:,.0f}"


def format_seconds(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"


def format_estimate(estimate: Estimate, format: Format) -> str:
    """Format a mean, with several seeds as in "0.9733 ± 0.0041": rounded to the second digit of the half-width.

    Args:
        estimate: the mean and the half-width of its interval.
        format: formats a mean without an interval.
    """
    half_width = estimate.half_width
    if half_width is None:
        return format(estimate.mean)
    if half_width == 0:
        return f"{format(estimate.mean)} ± 0"
    decimals = 0 if format is format_count else max(0, 1 - math.floor(math.log10(half_width)))
    if decimals > 6:
        return f"{estimate.mean:.4g} ± {half_width:.2g}"
    return f"{estimate.mean:,.{decimals}f} ± {half_width:,.{decimals}f}"


def of_summary(key: str, heading: str, format: Format, undefined_key: str = "") -> Measure:
    """Return the measure that is stored in a summary under `key`."""
    return Measure(key, heading, lambda summary: summary.get(key), format, undefined_key)


def of_test(name: str) -> Measure:
    """Return the measure of the test metric `name`."""
    return Measure(name, name, lambda summary: (summary.get("test") or {}).get(name), format_number, f"test/{name}")


def _monitored_test(summary: Summary) -> float | None:
    return (summary.get("test") or {}).get(summary.get("monitor"))


MEASURES = (
    of_summary("best_valid", "best valid {metric}", format_number, "best_valid"),
    Measure("test", "test {metric}", _monitored_test, format_number, "test/{metric}"),
    of_summary("gap", "gap to optimum", format_number, "gap"),
    of_summary("steps", "steps", format_count),
    of_summary("gradient_evaluations", "gradient evaluations", format_count),
    of_summary("steps_to_target", "steps to target", format_count),
    of_summary("seconds_to_target", "seconds to target", format_seconds),
    of_summary("train_seconds", "train seconds", format_seconds),
    of_summary("tokens_per_second", "tokens per second", format_count),
)
COSTS = ("steps", "gradient_evaluations")  # shown only if they differ
