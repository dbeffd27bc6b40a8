"""The cost of a training step: descentlab against a hand-written loop and against Lightning.

The loop runs in a process that never imports Lightning or descentlab, since `import lightning` sets a variable that makes
each optimizer step several hundred microseconds slower. It is timed with every Adam implementation of torch, and the fastest is
the reference. A run of descentlab has all its defaults: curves, gradient norms, W&B offline; the cost is that of its clock
(column train_seconds of its curves). The first steps are left out of all of them.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
from benchmarks.loop import KERNELS
from benchmarks.measure import Options, interleave, ratios, spread, train
from benchmarks.spec import make_spec, run_script
from benchmarks.table import Table

NOTES = (
    "Adam, CPU, one thread, median and quartiles over {rounds} interleaved rounds of {steps} steps. The reference is the "
    "fastest Adam of torch ({kernels}) in a hand-written loop in its own process; `ratio` is the cost relative to it."
)
OURS, LIGHTNING = "descentlab", "Lightning, DataLoader, self.log"


def measure(options: Options) -> Table:
    """Return the table of microseconds per step and ratios."""
    rounds, steps, warm_up = options.rounds or 7, *((60, 20) if options.quick else (2000, 200))
    notes = NOTES.format(rounds=rounds, steps=steps - warm_up, kernels=", ".join(KERNELS))
    table = Table("Cost of a training step", notes, ["problem", "implementation", "microseconds", "ratio to the loop"])
    for problem in options.problems:
        with tempfile.TemporaryDirectory() as folder:
            _measure_problem(table, problem, Path(folder), rounds, {"steps": steps, "warm_up": warm_up})
    return table


def _measure_problem(table: Table, problem: str, folder: Path, rounds: int, bounds: dict[str, int]) -> None:
    spec = {**make_spec(problem, folder), **bounds}
    ways: dict[str, Callable[[], float]] = {OURS: lambda: _descentlab(problem, folder / "run", bounds)}
    ways |= {f"loop, Adam {kernel}": lambda kernel=kernel: _loop(spec, folder, kernel) for kernel in KERNELS}
    ways[LIGHTNING] = lambda: run_script("lightning_loop", spec, folder)["us"]
    costs = interleave(ways, rounds)
    best = fastest({way: values for way, values in costs.items() if way.startswith("loop")})
    for way, values in costs.items():
        table.add(problem, way, spread(values, 0), "reference" if way == best else spread(ratios(values, costs[best])))


def fastest(costs: dict[str, list[float]]) -> str:
    """Return the key with the lowest median."""
    return min(costs, key=lambda way: statistics.median(costs[way]))


def _loop(spec: dict[str, Any], folder: Path, kernel: str) -> float:
    return run_script("loop", spec, folder, kernels=[kernel])[kernel]


def _descentlab(problem: str, folder: Path, bounds: dict[str, int]) -> float:
    """Return microseconds per step between the warm-up and the end, from the curves of a run."""
    ends = (f"budget.steps={bounds['steps']}", "budget.epochs=null", "target=null", f"validate_every={bounds['steps']}")
    (record,) = train(folder, problem, *ends)
    curves = (
        pl.read_parquet(record["folder"] / "curves.parquet")
        .select("step", "train_seconds")
        .filter(pl.col("step") >= bounds["warm_up"])
    )
    shutil.rmtree(folder)
    first, last = curves.row(0), curves.row(-1)
    return (last[1] - first[1]) / (last[0] - first[0]) * 1e6
