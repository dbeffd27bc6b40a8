"""The wall time of whole sweeps, whose runs are trained in fused groups, and its growth in runs, steps and memory.

The first rows are sweeps as one types them, from the command to the report, with compiled programs in the cache; a row with
an empty cache shows the cost of compiling them. The last rows are differences between two sweeps that differ in their number
of seeds, or of epochs, over the difference, so that the start and the report cancel.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measure import ROOT, Options, interleave, spread, time_sweep
from benchmarks.table import Table

from descentlab.config.machine import cores

COLUMNS = ["sweep", "runs", "logger", "seconds", "ms per run", "memory of a group, MB"]
NOTES = (
    "Wall seconds from the command to the report; median and quartiles over {rounds} interleaved rounds. {cores} cores train "
    "two groups side by side. `memory` is the peak of the larger one, data and libraries included. A further run or step is "
    "the difference of two sweeps over the difference of their runs or steps."
)


@dataclass(frozen=True)
class Sweep:
    """A command of the benchmark.

    Args:
        title: its name in the table.
        words: the overrides.
        runs: how many runs it has.
        logger: none or wandb.
        cold: start with an empty cache of compiled programs.
    """

    title: str
    words: tuple[str, ...]
    runs: int
    logger: str = "none"
    cold: bool = False


DIGITS, FASHION = "problem=digits_mlp", ("problem=fashion_mnist_softmax", "budget.epochs=1")
GRID = (DIGITS, "optimizer=sgd,momentum,rmsprop,adam", "optimizer.lr=0.001,0.003,0.01,0.03", "seed=range(3)")
RATES = (*FASHION, "optimizer=sgd", "optimizer.lr=0.001,0.003,0.01,0.03,0.1,0.2,0.3,0.5", "seed=range(8)")
SEEDS = (DIGITS, "optimizer=sgd", "optimizer.lr=0.001,0.002,0.005,0.01,0.02,0.05,0.1,0.2,0.5,1.0", "seed=range(100)")
ON_DIGITS = "digits_mlp, 4 optimizers x 4 rates x 3 seeds"
ON_FASHION = "fashion_mnist_softmax, 1 epoch, 8 rates x 8 seeds"
SWEEPS = (
    Sweep(ON_DIGITS, GRID, 48),
    Sweep(ON_DIGITS, GRID, 48, "wandb"),
    Sweep(f"{ON_DIGITS}, empty cache", GRID, 48, cold=True),
    Sweep(ON_FASHION, RATES, 64),
    Sweep(ON_FASHION, RATES, 64, "wandb"),
    Sweep("digits_mlp, 10 rates x 100 seeds", SEEDS, 1000),
)
FEW = Sweep("digits_mlp, 64 seeds", (DIGITS, "optimizer=adam", "seed=range(64)"), 64)
MORE_RUNS = Sweep("digits_mlp, 256 seeds", (DIGITS, "optimizer=adam", "seed=range(256)"), 256)
MORE_STEPS = Sweep("digits_mlp, 64 seeds, 90 epochs", (*FEW.words, "budget.epochs=90"), 64)
FEW_LARGE = Sweep("fashion_mnist_softmax, 256 seeds", (*FASHION, "optimizer=adam", "seed=range(256)"), 256)
MORE_LARGE = Sweep("fashion_mnist_softmax, 1024 seeds", (*FASHION, "optimizer=adam", "seed=range(1024)"), 1024)
GROWTH = (FEW, MORE_RUNS, MORE_STEPS, FEW_LARGE, MORE_LARGE)
STEPS_MORE = 60 * 44  # epochs, and steps of each
TENSORS = 4 * 7850 * 4 / 2**20  # MB of weights, gradients and the two states of Adam of a run of fashion_mnist_softmax


def measure(options: Options) -> Table:
    """Return the table of sweeps and of their growth."""
    rounds = options.rounds or 3
    table = Table("Whole sweeps", NOTES.format(rounds=rounds, cores=cores()), COLUMNS)
    sweeps = (
        [Sweep("digits_mlp, 2 seeds", (DIGITS, "optimizer=adam", "seed=range(2)"), 2)] if options.quick else [*SWEEPS, *GROWTH]
    )
    peaks: dict[Sweep, list[float]] = {sweep: [] for sweep in sweeps}
    if not options.quick:
        _seconds(SWEEPS[0], [])  # compiles
    ways: dict[str, Callable[[], float]] = {
        f"{each.title}, {each.logger}": partial(_seconds, each, peaks[each]) for each in sweeps
    }
    seconds = dict(zip(sweeps, interleave(ways, rounds).values(), strict=True))
    for sweep in sweeps:
        each = spread([1000 * value / sweep.runs for value in seconds[sweep]], 0)
        table.add(sweep.title, f"{sweep.runs:,}", sweep.logger, spread(seconds[sweep], 1), each, spread(peaks[sweep], 0))
    if not options.quick:
        _add_growth(table, seconds, peaks)
    return table


def _add_growth(table: Table, seconds: dict[Sweep, list[float]], peaks: dict[Sweep, list[float]]) -> None:
    """Add the costs of a further run and of a further step."""
    for few, more in ((FEW, MORE_RUNS), (FEW_LARGE, MORE_LARGE)):
        runs = more.runs - few.runs
        slopes = [1000 * value / runs for value in _differences(seconds, few, more)]
        memories = [value * cores() / runs for value in _differences(peaks, few, more)]
        times = f", {spread([each / TENSORS for each in memories])} x its tensors" if few is FEW_LARGE else ""
        table.add(
            f"a further run: {few.title} to {more.runs}", "1", "none", "-", spread(slopes, 1), spread(memories, 3) + times
        )
    micros = [1e6 * value / FEW.runs / STEPS_MORE for value in _differences(seconds, FEW, MORE_STEPS)]
    table.add(
        "a further step of a run: digits_mlp, 64 seeds, 30 to 90 epochs", "1", "none", "-", f"{spread(micros, 1)} us", "-"
    )


def _differences(values: dict[Sweep, list[float]], few: Sweep, more: Sweep) -> list[float]:
    """Return the differences within each round."""
    return [large - small for small, large in zip(values[few], values[more], strict=True)]


def _seconds(sweep: Sweep, peaks: list[float]) -> float:
    """Return the wall seconds of `sweep`, and append to `peaks` the peak memory in MB of its largest process."""
    words = [str(ROOT / "train.py"), "-m", *sweep.words]
    with tempfile.TemporaryDirectory() as empty:
        variables = {"DESCENTLAB_CACHE": empty} if sweep.cold else {}
        seconds, peak = time_sweep(words, sweep.runs, sweep.logger, _descendants, variables)
    peaks.append(peak)
    return seconds


def _descendants(pid: int) -> list[int]:
    """Return the processes that `pid` started, and those that they started."""
    try:
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    return [*children, *(each for child in children for each in _descendants(child))]
