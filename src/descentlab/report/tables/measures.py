"""The numbers of a run that tables show, and their format. To add a column, add a Measure to MEASURES."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from descentlab.report.criterion import Criterion
from descentlab.report.formats import Format, format_count, format_number, format_seconds
from descentlab.report.statistics.estimate import Estimate, estimate
from descentlab.store.record import Record

NOT_MEASURED = "–"
UNDEFINED = "undefined"
NOT_REACHED = "not reached"


@dataclass(frozen=True)
class Measure:
    """One number of a run, a column of the tables.

    Args:
        key: the column name in CSV files.
        heading: the column name in the other tables; ``{metric}`` stands for the name of the monitored metric.
        get: a function that returns the number of a run; None if it was not measured or is undefined.
        format: formats the number.
        undefined_key: the key of the summary's ``undefined`` that holds the reason; ``{metric}`` as in the heading.
        metric: the name of which the range bounds the interval of a mean, ``{metric}`` as in the heading; "": `key`.
    """

    key: str
    heading: str
    get: Callable[[Record], float | None]
    format: Format
    undefined_key: str = ""
    metric: str = ""

    @property
    def is_time_to_target(self) -> bool:
        return self.key.endswith("_to_target")

    def estimate(self, runs: Iterable[Record], monitor: str) -> Estimate | None:
        """Return the mean over `runs`, with an interval within the number's range; `monitor` names the monitored metric."""
        name = self.metric.format(metric=monitor) or self.key
        return estimate(map(self.get, runs), name)

    def reason(self, run: Record, monitor: str) -> str:
        """Return the reason why the number of a run is undefined; empty if it is defined or was not measured."""
        return (run.summary.get("undefined") or {}).get(self.undefined_key.format(metric=monitor), "")


def of_summary(key: str, heading: str, format: Format, undefined_key: str = "", metric: str = "") -> Measure:
    """Return the measure that is stored in a summary under `key`."""
    return Measure(key, heading, lambda run: run.summary.get(key), format, undefined_key, metric)


def of_test(name: str) -> Measure:
    """Return the measure of the test metric `name`."""
    return Measure(name, name, lambda run: (run.summary.get("test") or {}).get(name), format_number, f"test/{name}")


def of_criterion(by: Criterion, monitor: str) -> Measure | None:
    """Return the measure that an answer compares by, if MEASURES lacks it."""
    if by.unit or by.key in (f"test/{monitor}", f"valid/{monitor}"):
        return None
    return Measure(by.key, by.label, by.get, by.format, by.key, by.metric)


def _monitored_test(run: Record) -> float | None:
    return (run.summary.get("test") or {}).get(run.summary.get("monitor"))


MEASURES = (
    of_summary("best_valid", "best valid {metric}", format_number, "best_valid", "{metric}"),
    Measure("test", "test {metric}", _monitored_test, format_number, "test/{metric}", "{metric}"),
    of_summary("gap", "gap to optimum", format_number, "gap"),
    of_summary("steps", "steps", format_count),
    of_summary("gradient_evaluations", "gradient evaluations", format_count),
    of_summary("steps_to_target", "steps to target", format_count),
    of_summary("seconds_to_target", "seconds to target", format_seconds),
    of_summary("gradient_evaluations_to_target", "gradient evaluations to target", format_count),
    of_summary("train_seconds", "train seconds", format_seconds),
    of_summary("tokens_per_second", "tokens per second", format_count),
)
COSTS = ("steps", "gradient_evaluations", "gradient_evaluations_to_target")  # shown only if steps and evaluations differ
