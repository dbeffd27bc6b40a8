"""The cost of reading finished sweeps and computing every statistic: records, curves, answers, flags, mean curves, tables."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from benchmarks.measure import Options, progress, start
from benchmarks.synthetic_sweep import write_sweep
from benchmarks.table import Table

RUNS, POINTS = (1_000, 10_000), 1_000
PHASES = ("records", "answers and flags", "curves", "mean curves", "runs.csv")


def measure(options: Options) -> Table:
    """Return the table of seconds per phase and of the memory of the process, for sweeps of 1,000 and 10,000 runs."""
    sizes = (20, 40) if options.quick else RUNS
    table = Table(
        "Reading finished sweeps",
        f"Synthetic sweeps with {POINTS:,} points of each curve; one process on all cores, files in the system's cache.",
        ["runs", *(f"{phase} (s)" for phase in PHASES), "total (s)", "memory (GB)"],
    )
    for runs in sizes:
        with tempfile.TemporaryDirectory() as folder:
            sweep = Path(folder) / "sweep"
            progress(f"writing {runs:,} runs")
            write_sweep(sweep, runs, 50 if options.quick else POINTS)
            found = json.loads(start([str(Path(__file__).with_name("read_sweep.py")), str(sweep)], Path(folder)))
        seconds = [found[phase] for phase in PHASES]
        table.add(f"{runs:,}", *(f"{each:.2f}" for each in seconds), f"{sum(seconds):.2f}", f"{found['memory']:.2f}")
    return table
