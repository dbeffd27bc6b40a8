"""Check training on a GPU in under 5 minutes: `PYTHONPATH=src python scripts/check_gpu.py [--device cpu] [--quick]`.

It runs from a checkout, with torch 2.11 or newer, and fetches nothing. Curves of CPU and GPU are compared; precisions,
torch.compile, every optimizer, two runs on one GPU, NCCL and resume are tried; the host must not wait for the GPU between log
points, and memory must not grow. The exit code is 1 if a check fails. With `--device cpu` the same checks run on the CPU, and
those that need CUDA are skipped.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic products; read when CUDA starts
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from benchmarks.table import Table, machine
from gpu_checks import costs, numerics, processes
from gpu_checks.lab import FailedError, Lab, SkippedError, lab

OLDEST = (2, 11)
COLUMNS = ("check", "result", "seconds", "detail")
CHECKS: dict[str, Callable[[Lab], str]] = {
    "digits_mlp: CPU and device agree, float32": partial(numerics.digits_agree, precision="32-true"),
    "digits_mlp: CPU and device agree, float64": partial(numerics.digits_agree, precision="64-true"),
    "2c2d: CPU and device agree, float32": partial(numerics.convolutions_agree, precision="32-true"),
    "2c2d: CPU and device agree, float64": partial(numerics.convolutions_agree, precision="64-true"),
    "small GPT: CPU and device agree, float32": partial(numerics.transformers_agree, precision="32-true"),
    "small GPT: CPU and device agree, float64": partial(numerics.transformers_agree, precision="64-true"),
    "precision bf16-mixed": partial(numerics.precision_trains, precision="bf16-mixed"),
    "precision 16-mixed, with its scaler": numerics.half_precision_trains,
    "precision 64-true": partial(numerics.precision_trains, precision="64-true"),
    "compile=true": numerics.compiled_agrees,
    "every optimizer": numerics.every_optimizer_steps,
    "resumed run": numerics.resumed_run_is_equal,
    "two runs at once (jobs_per_gpu=2)": processes.two_runs_share_a_device,
    "no waiting between log points": costs.host_does_not_wait,
    "memory over 1,000 steps": costs.memory_is_flat,
    "process group of one process": processes.process_group_trains,
}


def main() -> int:
    """Run the checks, print their table and return the exit code."""
    arguments = parse()
    if tuple(map(int, torch.__version__.split(".")[:2])) < OLDEST:
        sys.exit(f"torch {torch.__version__}: the checks need torch {'.'.join(map(str, OLDEST))} or newer")
    if arguments.device == "cuda" and not torch.cuda.is_available():
        sys.exit("torch finds no GPU on this machine; --device cpu runs the checks on the CPU")
    table = Table("Checks of training on a GPU", f"{machine(arguments.device)}.", COLUMNS)
    with tempfile.TemporaryDirectory() as folder, lab(arguments.device, arguments.quick, Path(folder)) as made:
        for name, check in CHECKS.items():
            began = time.perf_counter()
            result, detail = outcome(check, made)
            table.add(name, result, f"{time.perf_counter() - began:.1f}", detail)
            print(f"{name}: {result}: {detail}", file=sys.stderr, flush=True)
    table.show()
    return int(any(row[1] == "failed" for row in table.rows))


def outcome(check: Callable[[Lab], str], made: Lab) -> tuple[str, str]:
    """Return passed, failed or skipped, and a description."""
    try:
        return "passed", check(made)
    except SkippedError as reason:
        return "skipped", str(reason)
    except FailedError as reason:
        return "failed", str(reason)
    except Exception as error:
        traceback.print_exc()
        return "failed", f"{type(error).__name__}: {error}"


def parse() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--quick", action="store_true", help="small models and a few of the optimizers, to test the script")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
