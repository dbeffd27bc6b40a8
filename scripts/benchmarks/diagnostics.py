"""The overhead of diagnostics: the wall time of training with none, with light and with full probes.

The wall time is that of the run's clock and of its pauses between steps, without validations: it includes the measurements, the
copies for them, the rows that they write, and the rules of alerts that read those. The column `recorded` is the share that the
run itself reports: the seconds of probes divided by those of training.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measure import ROOT, Options, interleave, ratios, spread, train
from benchmarks.table import Table

NOTES = (
    "Adam, CPU, one thread a process, median and quartiles over {rounds} interleaved rounds. The wall time of training is "
    "divided by that of the same run with diagnostics=none in the same round. `recorded` is the overhead in the run's record, "
    "`every` the intervals in steps that it has chosen with the default budget of 3 %. A probe without an interval was "
    "measured at the first step only, because a second measurement would have exceeded the budget: the overhead of `full` in "
    "these short runs is that of the first measurements."
)
COLUMNS = ["problem", "steps", "diagnostics", "seconds", "ratio to none", "recorded", "every"]
NONE = "none"
# problem -> steps of a run, long enough for the first measurements to be a small part of it
PROBLEMS = {
    "digits_mlp": 8000,
    "fashion_mnist_mlp": 4000,
    "fashion_mnist_2c2d": 150,
    "shakespeare_gpt": 150,
    "temporal_order": 1500,
}
QUICK = 40  # steps


@dataclass
class Overheads:
    """What the runs of one option recorded: the overhead of each run, and the intervals of the last one."""

    recorded: list[float]
    every: dict[str, int | None]


def measure(options: Options) -> Table:
    """Return the table of seconds, ratios and recorded overheads."""
    rounds = options.rounds or 5
    table = Table("Overhead of diagnostics", NOTES.format(rounds=rounds), COLUMNS)
    for problem in options.problems or PROBLEMS:
        steps = QUICK if options.quick else PROBLEMS.get(problem, 1000)
        with tempfile.TemporaryDirectory() as folder:
            _measure_problem(table, problem, Path(folder), rounds, steps)
    return table


def levels() -> list[str]:
    """Return none, light and, if there is one, full."""
    return [name for name in (NONE, "light", "full") if (ROOT / "conf" / "diagnostics" / f"{name}.yaml").exists()]


def _measure_problem(table: Table, problem: str, folder: Path, rounds: int, steps: int) -> None:
    """Add the rows of a problem."""
    found = {level: Overheads([], {}) for level in levels()}
    seconds = interleave({level: partial(_train, problem, folder, steps, level, each) for level, each in found.items()}, rounds)
    for level, each in found.items():
        ratio = "reference" if level == NONE else spread(ratios(seconds[level], seconds[NONE]), 3)
        every = ", ".join(f"{name} {interval:,}" if interval else f"{name} not fixed" for name, interval in each.every.items())
        recorded = f"{statistics.median(each.recorded):.1%}"
        table.add(problem, str(steps), level, spread(seconds[level]), ratio, recorded, every or "-")


def _train(problem: str, folder: Path, steps: int, level: str, found: Overheads) -> float:
    """Return the wall seconds of training, without validations, of a run with diagnostics=`level`."""
    ends = (f"budget.steps={steps}", "budget.epochs=null", "target=null", f"validate_every={steps}", "checkpoint.every=null")
    (record,) = train(folder / "run", problem, *ends, f"diagnostics={level}", "logger=none")
    about = record["summary"]["diagnostics"]
    found.recorded.append(about["overhead"])
    found.every = about["every"]
    shutil.rmtree(folder / "run")
    return record["summary"]["train_seconds"] + record["timings"]["paused"]
