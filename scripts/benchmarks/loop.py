"""A hand-written training loop that imports torch and neither Lightning nor descentlab.

    python loop.py SPEC.json      (benchmarks/spec.py lists the keys; steps.py and runs.py start it)

With `kernels` in the specification it times the steps of each Adam implementation of torch and prints microseconds per step.
Without, it does the work of a run: train, log, validate each epoch, test the best weights.
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
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

Split = tuple[Tensor, Tensor]
KERNELS: dict[str, dict[str, Any]] = {"plain": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


def main(path: Path) -> dict[str, Any]:
    """Carry out the specification in `path` and return the result."""
    spec = json.loads(path.read_text())
    torch.set_num_threads(1)
    data: dict[str, Split] = torch.load(spec["data"])
    if "kernels" in spec:
        return {kernel: time_steps(spec, data["train"], kernel) for kernel in spec["kernels"]}
    return run(spec, data)


def make(spec: dict[str, Any], kernel: str) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return a model with dense layers of the widths in `spec`, ReLU between them, and its Adam."""
    torch.manual_seed(spec["seed"])
    layers: list[nn.Module] = [nn.Flatten()]
    for inputs, outputs in zip(spec["widths"], spec["widths"][1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    return model, torch.optim.Adam(model.parameters(), lr=spec["lr"], **KERNELS[kernel])


def batches(spec: dict[str, Any], split: Split) -> Iterator[Split]:
    """Yield the batches of one epoch in a random order."""
    (x, y), size = split, spec["batch_size"]
    order = torch.randperm(len(x))
    for start in range(0, len(x) - (size - 1 if spec["drop_last"] else 0), size):
        rows = order[start : start + size]
        yield x[rows], y[rows]


def step(model: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """Take one step and return the loss before it."""
    optimizer.zero_grad()
    loss = cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def time_steps(spec: dict[str, Any], split: Split, kernel: str) -> float:
    """Return microseconds per step over `steps` steps, without those of the warm-up."""
    model, optimizer = make(spec, kernel)
    done, began = 0, 0.0
    while done < spec["steps"]:
        for x, y in batches(spec, split):
            if done == spec["warm_up"]:
                began = time.perf_counter()
            step(model, optimizer, x, y)
            done += 1
            if done == spec["steps"]:
                break
    return (time.perf_counter() - began) / (spec["steps"] - spec["warm_up"]) * 1e6


@torch.no_grad()
def accuracy(model: nn.Module, split: Split) -> float:
    """Return the fraction of `split` that the model classifies correctly."""
    x, y = split
    return float((model(x).argmax(1) == y).float().mean())


def run(spec: dict[str, Any], data: dict[str, Split]) -> dict[str, Any]:
    """Train for the epochs of `spec`, write the losses to a CSV file and, if requested, to W&B; return the test accuracy."""
    model, optimizer = make(spec, spec["kernel"])
    best, best_weights, done = -1.0, model.state_dict(), 0
    log, finish = logger(spec)
    for _ in range(spec["epochs"]):
        for x, y in batches(spec, data["train"]):
            loss = step(model, optimizer, x, y)
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
    print(json.dumps(main(Path(sys.argv[1]))))
