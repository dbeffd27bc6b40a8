"""A hand-written training loop that imports torch and neither Lightning nor descentlab.

    python loop.py SPEC.json ...      (benchmarks/spec.py lists the keys; steps.py, runs.py and benchmark_gpu.py start it)

For each specification it prints a line. With `kernels` in it the steps of each Adam implementation of torch are timed, and the
line has microseconds per step. Without, it does the work of a run: train, log, validate each epoch, test the best weights.
"""

from __future__ import annotations

import copy
import csv
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from hand_written import Loss, loss_of, make  # for imports from this folder
from torch import Tensor, nn

Split = tuple[Tensor, Tensor]


def main(path: Path) -> dict[str, Any]:
    """Carry out the specification in `path` and return the result."""
    spec = json.loads(path.read_text())
    torch.set_num_threads(1)
    data: dict[str, Split] = torch.load(spec["data"], map_location=spec["device"])
    if "kernels" in spec:
        return {kernel: time_steps(spec, data["train"], kernel) for kernel in spec["kernels"]}
    return run(spec, data)


def batches(spec: dict[str, Any], split: Split) -> Iterator[Split]:
    """Yield the batches of one epoch in a random order."""
    (x, y), size = split, spec["batch_size"]
    order = torch.randperm(len(x), device=x.device)
    for start in range(0, len(x) - (size - 1 if spec["drop_last"] else 0), size):
        rows = order[start : start + size]
        yield x[rows], y[rows]


def step(model: nn.Module, loss_function: Loss, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """Take one step and return the loss before it."""
    optimizer.zero_grad()
    loss = loss_function(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def time_steps(spec: dict[str, Any], split: Split, kernel: str) -> float:
    """Return microseconds per step over `steps` steps, without those of the warm-up."""
    (model, optimizer), loss = make(spec, kernel), loss_of(spec)
    done, began = 0, 0.0
    while done < spec["steps"]:
        for x, y in batches(spec, split):
            if done == spec["warm_up"]:
                began = now(spec["device"])
            step(model, loss, optimizer, x, y)
            done += 1
            if done == spec["steps"]:
                break
    return (now(spec["device"]) - began) / (spec["steps"] - spec["warm_up"]) * 1e6


def now(device: str) -> float:
    """Return the time in seconds, after a GPU has done its work."""
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


@torch.no_grad()
def accuracy(model: nn.Module, split: Split) -> float:
    """Return the fraction of `split` that the model classifies correctly."""
    x, y = split
    return float((model(x).argmax(1) == y).float().mean())


def run(spec: dict[str, Any], data: dict[str, Split]) -> dict[str, Any]:
    """Train for the epochs of `spec`, write the losses to a CSV file and, if requested, to W&B; return the test accuracy."""
    (model, optimizer), loss_function = make(spec, spec["kernel"]), loss_of(spec)
    best, best_weights, done = -1.0, model.state_dict(), 0
    log, finish = logger(spec)
    for _ in range(spec["epochs"]):
        for x, y in batches(spec, data["train"]):
            loss = step(model, loss_function, optimizer, x, y)
            done += 1
            if done % spec["log_every"] == 0:
                log({"step": done, "train/loss": loss.item()})
        found = accuracy(model, data["valid"])
        log({"step": done, "valid/accuracy": found})
        if found > best:
            best, best_weights = found, copy.deepcopy(model.state_dict())
    model.load_state_dict(best_weights)
    finish()
    return {"accuracy": accuracy(model, data["test"])}


def logger(spec: dict[str, Any]) -> tuple[Callable[[dict[str, float]], None], Callable[[], None]]:
    """Return a function that logs a row, to a CSV file and to W&B if `spec` has it, and a function that closes both."""
    file = Path("curves.csv").open("w", newline="")  # noqa: SIM115
    writer = csv.DictWriter(file, ["step", "train/loss", "valid/accuracy"])
    writer.writeheader()
    if not spec["wandb"]:
        return writer.writerow, file.close
    import wandb

    tracker = wandb.init(project="benchmark", dir=".", config={"lr": spec["lr"]})

    def log(row: dict[str, float]) -> None:
        writer.writerow(row)
        tracker.log(row)

    def finish() -> None:
        file.close()
        tracker.finish()

    return log, finish


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(main(Path(name))))
