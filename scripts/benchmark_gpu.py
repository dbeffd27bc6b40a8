"""Measure the cost of steps on a GPU in under 8 minutes: `PYTHONPATH=src python scripts/benchmark_gpu.py [--markdown FILE]`.

It runs from a checkout, with torch 2.11 or newer, and fetches nothing: a problem whose data are not in data/ is left out, with
a message. The hand-written loop runs in its own process, which never imports Lightning, with torch's fused Adam and its data
on the GPU; the runs of descentlab train in this process, one after the other, with logger=none. Rounds are interleaved, and
the first steps, compilation included, are left out. With `--device cpu` the same rows are measured on the CPU.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from benchmarks.measure import interleave, ratios, spread
from benchmarks.spec import run_script, spec_of
from benchmarks.steps import step_cost
from benchmarks.table import Table, machine, with_block
from gpu_checks.lab import ROOT, Lab, lab

from descentlab.data.fetch.registry import REGISTRY

STEPS = {
    "digits_mlp": 2000,
    "fashion_mnist_softmax": 2000,
    "fashion_mnist_mlp": 2000,
    "fashion_mnist_2c2d": 500,
    "shakespeare_gpt": 300,
}  # of each problem that are timed, and as many before them as one tenth of that
OURS: dict[str, tuple[str, ...]] = {
    "descentlab": (),
    "descentlab, compiled": ("compile=true",),
    # rows of fused groups (64, 512 and 4096 runs) belong here
}
LOOP = "loop, Adam fused"
COLUMNS = ("problem", "implementation", "microseconds a step", "ratio to the loop")
NOTES = "Adam with its fused kernel, float32, median and quartiles over {rounds} interleaved rounds, on {machine}."


def main() -> None:
    """Print the table, and write it to a page if requested."""
    arguments = parse()
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no GPU on this machine; --device cpu measures the CPU")
    notes = NOTES.format(rounds=arguments.rounds, machine=machine(arguments.device))
    device = "a GPU" if arguments.device == "cuda" else "the CPU"
    table = Table(f"Cost of a training step on {device}", notes, COLUMNS)
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        runs.mkdir()
        with lab(arguments.device, arguments.quick, runs) as made:
            for problem in arguments.problem:
                if missing := _missing_data(problem):
                    print(f"{problem} is left out: python scripts/data.py fetch {missing}", file=sys.stderr)
                    continue
                measure_problem(table, made, problem, Path(folder), arguments.rounds)
    table.show()
    if arguments.markdown:
        page = arguments.markdown.read_text() if arguments.markdown.exists() else "# Benchmarks\n"
        arguments.markdown.write_text(with_block(page, "gpu", table.markdown()))


def measure_problem(table: Table, made: Lab, problem: str, folder: Path, rounds: int) -> None:
    """Add the rows of a problem."""
    steps = 40 if made.quick else STEPS[problem]
    bounds = {"steps": steps + steps // 10, "warm_up": steps // 10}
    config = made.job(f"problem={problem}", "optimizer=adam", steps=1).config
    spec = {**spec_of(config, folder / f"{problem}.pt", made.device), **bounds}
    ways: dict[str, Callable[[], float]] = {LOOP: partial(_loop, spec, folder)}
    ours = dict(list(OURS.items())[:1]) if made.quick else OURS
    ways |= {name: partial(_descentlab, made, problem, bounds, overrides) for name, overrides in ours.items()}
    costs = interleave(ways, rounds)
    for way, values in costs.items():
        table.add(problem, way, spread(values, 0), "reference" if way == LOOP else spread(ratios(values, costs[LOOP])))


def _loop(spec: dict[str, Any], folder: Path) -> float:
    return run_script("loop", spec, folder, kernels=["fused"])["fused"]


def _descentlab(made: Lab, problem: str, bounds: dict[str, int], overrides: Sequence[str]) -> float:
    """Return microseconds per step after the warm-up, from the curves of a run."""
    words = (f"problem={problem}", "optimizer=adam", f"validate_every={bounds['steps']}", *overrides)
    return step_cost(made.train(*words, steps=bounds["steps"]).curves, bounds["warm_up"])


def _missing_data(problem: str) -> str:
    """Return the name of the problem's data set if it has not been fetched; else an empty text."""
    name = next((name for name in ("fashion_mnist", "shakespeare") if problem.startswith(name)), "")
    return name if name and not REGISTRY[name].present(ROOT / "data") else ""


def parse() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--problem", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--rounds", type=int, default=3, help="interleaved repeats (default: 3)")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="also write the table to FILE, replacing an earlier one")
    parser.add_argument("--quick", action="store_true", help="one short round: a smoke test whose figures mean nothing")
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds = 1
    return arguments


if __name__ == "__main__":
    main()
