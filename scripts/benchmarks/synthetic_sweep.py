"""Write a sweep as a command would leave it, without training: to measure how fast finished sweeps are read.

python scripts/benchmarks/synthetic_sweep.py FOLDER --runs 1000 --points 1000
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from descentlab.store.record import PARQUET, Record, Status

EXAMPLE = Path(__file__).resolve().parents[2] / "tests/report/finished/digits_mlp-2ba346/adam-979a278e17/record.json"
OPTIMIZERS = {"adam": 0.02, "sgd": 0.3, "muon": 0.05, "lion": 0.005}  # name -> its best learning rate
SEEDS = 5
LOG_EVERY, VALIDATE_EVERY = 10, 50  # steps


def write_sweep(folder: Path, runs: int, points: int) -> None:
    """Write `runs` runs with `points` rows of curves each into `folder`, with records in the format of real ones.

    The runs are 5 seeds of each optimizer at as many learning rates as are needed. Validation accuracy depends on the
    optimizer, on the learning rate through a parabola in its logarithm, and on the seed, whose effect the optimizers share in
    part. Every optimizer diverges at rates far above its best one.
    """
    example = json.loads(EXAMPLE.read_text())
    rates = -(-runs // (SEEDS * len(OPTIMIZERS)))
    for number in range(runs):
        seed, cell = number % SEEDS, number // SEEDS
        name, step = list(OPTIMIZERS)[cell // rates], cell % rates
        decades = -2.0 + 4.0 * step / max(1, rates - 1)  # of the rate above the best one
        write_run(folder, example, name, OPTIMIZERS[name] * 10**decades, decades, seed, points)


def write_run(folder: Path, example: dict[str, Any], optimizer: str, lr: float, decades: float, seed: int, points: int) -> None:
    """Write the folder of one run: its record and its curves."""
    own, shared = list(OPTIMIZERS).index(optimizer), np.random.default_rng(seed)
    random = np.random.default_rng([own, seed, round(1000 * (decades + 10))])
    noise = 0.004 * shared.standard_normal() + 0.003 * random.standard_normal()
    best = 0.96 - 0.003 * own - 0.03 * decades**2 + noise
    curves = synthetic_curves(points, best, random)
    id = hashlib.sha256(f"{optimizer} {lr} {seed}".encode()).hexdigest()[:10]
    run = folder / f"{optimizer}-lr{lr:.4g}-seed{seed}-{id}"
    run.mkdir(parents=True)
    config = {**example["config"], "seed": seed, "data_seed": seed, "sweep": folder.name}
    config["optimizer"] = {**config["optimizer"], "lr": lr}
    steps, seconds = points * LOG_EVERY, float(curves["train_seconds"][-1])
    diverged = decades > 1.8
    summary = {
        **example["summary"],
        "best_valid": best,
        "train_seconds": seconds,
        "steps": steps,
        "gradient_evaluations": steps,
    }
    summary |= {"diverged_step": steps if diverged else None, "test": {} if diverged else {"accuracy": best, "loss": 1 - best}}
    status = Status.DIVERGED if diverged else Status.COMPLETED
    own = {"id": id, "name": run.name, "sweep": folder.name, "status": status, "config": config, "summary": summary}
    record = Record(**{**example, **own, "choices": {**example["choices"], "optimizer": optimizer}})
    record.write(run)
    curves.write_parquet(run / PARQUET)


def synthetic_curves(points: int, best: float, random: np.random.Generator) -> pl.DataFrame:
    """Return curves with `points` rows of training, and validations every 50 steps as rows of their own."""
    steps = np.arange(points) * LOG_EVERY
    loss = (1 - best) + 2 * np.exp(-steps / (0.1 * LOG_EVERY * points)) + 0.01 * random.random(points)
    axes = {"step": steps, "examples": 32 * steps, "epoch": steps / 40, "gradient_evaluations": steps}
    axes |= {"train_seconds": np.cumsum(0.004 + 0.002 * random.random(points))}
    training = pl.DataFrame(axes | {"train/loss": loss, "train/lr": 0.1, "train/grad_norm": loss, "train/update_norm": loss})
    checks = pl.DataFrame(axes | {"valid/loss": loss, "valid/accuracy": 1 - loss / 3}).filter(
        pl.col("step") % VALIDATE_EVERY == 0
    )
    return pl.concat([training, checks], how="diagonal").sort("step", maintain_order=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--points", type=int, default=1000)
    arguments = parser.parse_args()
    write_sweep(arguments.folder, arguments.runs, arguments.points)
