"""The execution of a run, by a separate process or in a fused group. Seconds of different executions are not comparable."""

from __future__ import annotations

from collections.abc import Sequence

from descentlab.report.criterion import Criterion
from descentlab.report.series import Series
from descentlab.store.record import Record


def execution_of(run: Record) -> str:
    """Return "single" for a run with a separate process, else "fused" or "compiled fused", whatever the size of the group."""
    group = run.summary.get("group")
    if group is None:
        return "single"
    return "compiled fused" if group.get("compiled") else "fused"


def reason_against_seconds(series: Sequence[Series], by: Criterion) -> str:
    """Return the reason why the seconds of several series are not comparable; "" if they are, or `by` is no time in seconds."""
    found = {execution_of(run) for each in series for run in each.runs if run.status.is_result}
    if "seconds" not in by.unit or len(found) < 2:
        return ""
    return f"seconds of {' and '.join(sorted(found))} runs are not comparable"
