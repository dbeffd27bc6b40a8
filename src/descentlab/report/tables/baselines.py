"""The baselines of a comparison: their test metrics, read from the summaries of the runs that fitted them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from descentlab.report.formats import format_number
from descentlab.report.series import Comparison
from descentlab.report.tables.measures import NOT_MEASURED, UNDEFINED

PREFIX = "baseline/test/"  # prefix of the keys of a baseline's test metrics in a summary's `undefined`
MAX_ERROR = 60  # largest number of characters of an error in a cell; the notes contain the whole message


@dataclass(frozen=True)
class BaselineResult:
    """The result of a baseline.

    Args:
        name: the baseline's name in the config.
        test: its test metrics by name.
        undefined: the reason for each undefined test metric.
        error: the error with which it failed, or "".
    """

    name: str
    test: Mapping[str, float | None]
    undefined: Mapping[str, str]
    error: str

    @property
    def status(self) -> str:
        """Return "baseline", or "failed" with the beginning of the error."""
        if not self.error:
            return "baseline"
        return f"failed: {self.error if len(self.error) <= MAX_ERROR else self.error[: MAX_ERROR - 1] + '…'}"

    def cell(self, metric: str) -> str:
        value = self.test.get(metric)
        return format_number(value) if value is not None else UNDEFINED if metric in self.undefined else NOT_MEASURED


def baseline_results(comparison: Comparison) -> list[BaselineResult]:
    """Return each baseline of the runs once; a failure is ignored if the baseline succeeded in another run."""
    found: dict[str, BaselineResult] = {}
    for run in comparison.runs:
        result = run.summary.get("baseline") or {}
        if not result or ("error" in result and result["name"] in found):
            continue
        reasons: dict[str, str] = run.summary.get("undefined") or {}
        own = {key.removeprefix(PREFIX): reason for key, reason in reasons.items() if key.startswith(PREFIX)}
        found[result["name"]] = BaselineResult(result["name"], result.get("test") or {}, own, result.get("error", ""))
    return list(found.values())
