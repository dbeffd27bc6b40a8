"""Time reading a finished sweep, and every statistic: `python read_sweep.py SWEEP` prints the seconds of each phase as JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def read(sweep: Path) -> dict[str, float]:
    """Read `sweep` and compute everything once. Return the seconds of each phase, and the peak memory in GB.

    The libraries are imported first; their time is not counted.
    """
    from descentlab.report.compare import compare
    from descentlab.report.load import Results, load
    from descentlab.report.sceptic import find_flags
    from descentlab.report.statistics.curves import curves_by_id, mean_curve
    from descentlab.report.tables.runs import write_runs

    seconds: dict[str, float] = {}

    def timed(phase: str, work: Callable[[], Any]) -> Any:
        began = time.perf_counter()
        result = work()
        seconds[phase] = time.perf_counter() - began
        return result

    def means(results: Results) -> None:
        for comparison, frames in zip(results.comparisons, curves, strict=True):
            for series in comparison.series:
                for column in ("train/loss", f"valid/{comparison.monitor}"):
                    mean_curve([frames[run.id] for run in series.completed], column)

    results = timed("records", lambda: load([sweep]))
    timed("answers and flags", lambda: [find_flags(answer) for answer in compare(results)])
    curves = timed("curves", lambda: [curves_by_id(comparison.all_runs) for comparison in results.comparisons])
    timed("mean curves", lambda: means(results))
    timed("runs.csv", lambda: write_runs(results, sweep / "runs.csv"))
    seconds["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # Linux counts in kB
    return seconds


if __name__ == "__main__":
    print(json.dumps(read(Path(sys.argv[1]))))
