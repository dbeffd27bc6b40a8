"""The cost of a training step: descentlab against a hand-written loop and against Lightning.

The loop runs in a process that never imports Lightning or descentlab, since `import lightning` sets a variable that makes
each optimizer step several hundred microseconds slower. For cheap models it is timed with every Adam implementation of torch,
for others with the fused one; the fastest is the reference. A run of descentlab has all its defaults: curves, gradient norms,
W&B offline; the cost is that of its clock (column train_seconds of its curves). The first steps are left out of all of them.
"""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from benchmarks.hand_written import KERNELS
from benchmarks.measure import Options, interleave, ratios, spread, train
from benchmarks.spec import make_spec, run_script
from benchmarks.table import Table

from descentlab.training.fused.choice import START

NOTES = (
    "Adam, CPU, one thread a process, median and quartiles over {rounds} interleaved rounds. The reference is the fastest Adam "
    "of torch (fused, and for cheap models also plain and foreach) in a hand-written loop in its own process; `ratio` is the "
    "cost relative to it. Two loops at once have a cost per run: half of what each takes. The share of the peak is the rate of "
    "the operations in matrix products and convolutions, relative to the rate of a product of 1024 x 1024 matrices of float32 "
    "in the same round ({peak} GFLOP/s). `predicted` is what hydra.launcher.fuse=auto expected of a step of a run before it "
    "trained: in the group, and one by one (to be compared with the first row of the problem; the start of a process comes in "
    "addition). It chooses the smaller one."
)
COLUMNS = ["problem", "implementation", "microseconds", "ratio to the loop", "share of the peak", "predicted: group, alone"]
# name -> overrides of one run, or of the runs of a fused group, whose cost is that of one of them
OURS: dict[str, tuple[str, ...]] = {"descentlab": (), "descentlab, compile=step": ("compile=step",)}
LIGHTNING, TWO, PEAK = "Lightning, DataLoader, self.log", "two loops at once, Adam fused, per run", "peak"


@dataclass(frozen=True)
class Setting:
    """The steps that are timed on a problem, the first `warm_up` of them excluded.

    Args:
        kernels: those of the loop.
        groups: the numbers of runs and of data seeds of fused groups, whose runs take `group_steps`.
    """

    steps: int = 2000
    group_steps: int = 700
    warm_up: int = 200
    kernels: Sequence[str] = tuple(KERNELS)
    groups: Sequence[tuple[int, int]] = ()


PROBLEMS: dict[str, Setting] = {
    "digits_mlp": Setting(groups=((8, 1), (64, 1), (64, 64), (256, 256))),
    "fashion_mnist_softmax": Setting(groups=((64, 1), (64, 8))),
    "fashion_mnist_mlp": Setting(groups=((8, 1),)),
    "fashion_mnist_2c2d": Setting(60, warm_up=10, kernels=("fused",)),
    "shakespeare_gpt": Setting(60, warm_up=10, kernels=("fused",)),
}


def measure(options: Options) -> Table:
    """Return the table of microseconds per step, ratios and shares of the peak."""
    rounds = options.rounds or 5
    table, peaks = Table("Cost of a training step", "", COLUMNS), []
    for problem in options.problems or PROBLEMS:
        setting = PROBLEMS.get(problem, Setting())
        setting = Setting(60, 60, 20, setting.kernels, setting.groups[:1]) if options.quick else setting
        with tempfile.TemporaryDirectory() as folder:
            peaks += _measure_problem(table, problem, Path(folder), rounds, setting)
    table.notes = NOTES.format(rounds=rounds, peak=f"{statistics.median(peaks) / 1e9:.0f}")
    return table


def _measure_problem(table: Table, problem: str, folder: Path, rounds: int, setting: Setting) -> list[float]:
    """Add the rows of a problem, and return the peak of each round in operations per second."""
    spec = {**make_spec(problem, folder), "steps": setting.steps, "warm_up": setting.warm_up}
    operations = run_script("peak", spec, folder)["operations"]
    ways: dict[str, Callable[[], float]] = {
        name: partial(_descentlab, problem, folder / "run", setting, overrides) for name, overrides in OURS.items()
    }
    predicted: dict[str, list[tuple[float, float]]] = {}
    for runs, seeds in setting.groups:
        name = f"descentlab, {runs} fused runs, {'one data_seed' if seeds == 1 else f'{seeds} data seeds'}"
        ways[name] = partial(_group, problem, folder / "group", setting, runs, seeds, predicted.setdefault(name, []))
    ways |= {f"loop, Adam {kernel}": partial(_loop, spec, folder, kernel) for kernel in setting.kernels}
    ways[TWO] = lambda: _two_loops(spec, folder)
    ways[LIGHTNING] = lambda: run_script("lightning_loop", spec, folder)["us"]
    ways[PEAK] = lambda: run_script("peak", spec, folder)["peak"]
    costs = interleave(ways, rounds)
    peaks = costs.pop(PEAK)
    best = fastest({way: values for way, values in costs.items() if way.startswith("loop")})
    for way, values in costs.items():
        shares = [operations / (us * 1e-6) / peak for us, peak in zip(values, peaks, strict=True)]
        ratio = "reference" if way == best else spread(ratios(values, costs[best]))
        expected = ", ".join(f"{statistics.median(each):.0f}" for each in zip(*predicted.get(way, []), strict=True))
        table.add(problem, way, spread(values, 0), ratio, spread(shares), expected or "-")
    return peaks


def fastest(costs: Mapping[str, list[float]]) -> str:
    """Return the key with the lowest median."""
    return min(costs, key=lambda way: statistics.median(costs[way]))


def _loop(spec: dict[str, Any], folder: Path, kernel: str) -> float:
    return run_script("loop", spec, folder, kernels=[kernel])[kernel]


def _two_loops(spec: dict[str, Any], folder: Path) -> float:
    """Return microseconds per step and run of two loops in two processes at the same time."""
    folders = [folder / f"loop{number}" for number in range(2)]
    for each in folders:
        each.mkdir(exist_ok=True)
    with ThreadPoolExecutor(2) as pool:
        costs = list(pool.map(lambda own: _loop(spec, own, "fused"), folders))
    return statistics.mean(costs) / 2


def _descentlab(problem: str, folder: Path, setting: Setting, overrides: Sequence[str]) -> float:
    """Return microseconds per step between the warm-up and the end, from the curves of a run."""
    ends = (f"budget.steps={setting.steps}", "budget.epochs=null", "target=null", f"validate_every={setting.steps}")
    (record,) = train(folder, problem, *ends, *overrides)
    cost = step_cost(pl.read_parquet(record["folder"] / "curves.parquet"), setting.warm_up)
    shutil.rmtree(folder)
    return cost


def _group(problem: str, folder: Path, setting: Setting, runs: int, seeds: int, predicted: list[tuple[float, float]]) -> float:
    """Return microseconds per run and step of a fused group, from its share of the clock; programs are in the cache.

    What was predicted for a step of a run in the group and for one alone is appended to `predicted`.
    """
    steps = setting.group_steps
    ends = (f"budget.steps={steps}", "budget.epochs=null", "target=null", f"validate_every={steps}")
    rates = ",".join(f"{1e-3 * (1 + rate / runs):.6g}" for rate in range(runs // seeds))
    grid = (
        f"seed=range({seeds})",
        f"optimizer.lr={rates}",
        "logger=none",
        "hydra.launcher.fuse=always",
        "workers=1",
        "compile=step",
    )
    records = train(folder, problem, *ends, *grid, multirun=True)
    curves = [pl.read_parquet(record["folder"] / "curves.parquet") for record in records]
    seconds, each = records[0]["summary"]["group"]["predicted_seconds"], 1e6 / (runs * steps)
    alone = (seconds["single"] - runs * START) * each
    predicted.append((min(seconds["traced"], seconds["compiled"]) * each, alone))
    shutil.rmtree(folder)
    return statistics.mean(step_cost(each, setting.warm_up) for each in curves)


def step_cost(curves: pl.DataFrame, warm_up: int) -> float:
    """Return microseconds per step from step `warm_up` to the end, by the clock of the run."""
    counted = curves.select("step", "train_seconds").filter(pl.col("step") >= warm_up)
    first, last = counted.row(0), counted.row(-1)
    return (last[1] - first[1]) / (last[0] - first[0]) * 1e6
