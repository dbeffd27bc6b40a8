"""The wall time of a whole command: `train.py` against a hand-written script, process start included.

Both train for the epochs of the problem, validate after each epoch, log the loss every `log_every` steps, keep the best
weights and test them. In addition descentlab validates its config, measures norms, saves a checkpoint and writes a report
page. The script reads its data as tensors from one file and uses the fastest Adam of torch. A sweep of 8 seeds is compared
with 8 scripts, as many at a time as the machine has cores.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.hand_written import KERNELS
from benchmarks.measure import Options, interleave, ratios, spread, train
from benchmarks.spec import make_spec, run_script
from benchmarks.table import Table

from descentlab.config.machine import cores

NOTES = (
    "Adam, CPU, one thread a process, median and quartiles of wall seconds over {rounds} interleaved rounds. Both include the "
    "start of the process, validation each epoch, logging and the test; W&B is offline. {cores} cores."
)
COLUMNS = ["problem", "epochs", "runs", "logger", "descentlab, s", "script, s", "ratio", "test accuracy (descentlab, script)"]
PROBLEMS = ("digits_mlp", "fashion_mnist_mlp", "fashion_mnist_softmax")
VARIANTS = ((1, "none"), (1, "wandb"), (8, "wandb"))  # runs, logger
LONG = {"digits_mlp": 256}  # epochs of one more run, whose start is a small part of it: about 10,000 steps


def measure(options: Options) -> Table:
    """Return the table of wall seconds and ratios."""
    rounds = options.rounds or 5
    table = Table("Wall time of a whole run", NOTES.format(rounds=rounds, cores=cores()), COLUMNS)
    for problem in options.problems or PROBLEMS:
        with tempfile.TemporaryDirectory() as folder:
            spec = make_spec(problem, Path(folder))
            spec |= {"epochs": 1} if options.quick else {}
            spec["kernel"] = _fastest_kernel(spec, Path(folder), options.quick)
            for runs, logger in VARIANTS[:1] if options.quick else VARIANTS:
                _measure_variant(table, problem, spec, Path(folder), runs, logger, rounds)
            if problem in LONG and not options.quick:
                long = {**spec, "epochs": LONG[problem]}
                _measure_variant(table, problem, long, Path(folder), 1, "none", rounds)
    return table


def _fastest_kernel(spec: dict[str, Any], folder: Path, quick: bool) -> str:
    steps = {"steps": 60, "warm_up": 20} if quick else {"steps": 1000, "warm_up": 200}
    costs = run_script("loop", spec, folder, kernels=list(KERNELS), **steps)
    return min(costs, key=costs.__getitem__)


def _measure_variant(
    table: Table, problem: str, spec: dict[str, Any], folder: Path, runs: int, logger: str, rounds: int
) -> None:
    """Add the row of `runs` runs at a time with `logger`."""
    reached: dict[str, float] = {}  # test accuracy of the last run: both sides must do the same work

    def descentlab() -> float:
        overrides = (f"seed=range({runs})", f"budget.epochs={spec['epochs']}", f"logger={logger}")
        words = ("-m", *overrides) if runs > 1 else (*overrides[1:], "seed=0")
        began = time.perf_counter()
        records = train(folder / "runs", problem, *words)
        seconds = time.perf_counter() - began
        reached["descentlab"] = records[-1]["summary"]["test"]["accuracy"]
        shutil.rmtree(folder / "runs")
        return seconds

    def script() -> float:
        jobs = [
            partial(_script, {**spec, "seed": seed, "wandb": logger == "wandb"}, folder / f"loop{seed}") for seed in range(runs)
        ]
        began = time.perf_counter()
        with ThreadPoolExecutor(cores()) as pool:
            reached["script"] = list(pool.map(lambda job: job(), jobs))[-1]
        return time.perf_counter() - began

    ways: dict[str, Callable[[], float]] = {"descentlab": descentlab, "script": script}
    seconds = interleave(ways, rounds)
    ours, theirs = seconds.values()
    accuracies = f"{reached['descentlab']:.3f}, {reached['script']:.3f}"
    costs = spread(ours, 1), spread(theirs, 1), spread(ratios(ours, theirs))
    table.add(problem, str(spec["epochs"]), str(runs), logger, *costs, accuracies)


def _script(spec: dict[str, Any], folder: Path) -> float:
    """Run the hand-written script once; return its test accuracy."""
    folder.mkdir(exist_ok=True)
    return run_script("loop", spec, folder)["accuracy"]
