"""Measures what a step costs here against two other ways to write it, side by side, and prints ratios.

Each round times, one after the other in this process and on one thread: a hand-written PyTorch loop on tensors in memory;
a descentlab run with everything on that is on by default (curves, gradient norms, Weights & Biases offline); and Lightning
with a DataLoader and one self.log a step. The cost of a step is the difference between a long and a short training over the
difference in steps, so that what a training pays once does not count. The figures are medians over rounds; machines are
noisy, ratios less so.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ["WANDB_MODE"] = "offline"

import lightning as L
import torch
from hydra.utils import instantiate
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

from descentlab import run
from descentlab.config.compose import compose_here
from descentlab.store.job import Job
from descentlab.store.record import Record
from descentlab.sweeps.launch import checked_plan

ROOT = Path(__file__).resolve().parent.parent.parent
PROBLEMS = ("fashion_mnist_mlp", "fashion_mnist_softmax")
SHORT, LONG, ROUNDS = 100, 700, 5


def main(problems: Sequence[str]) -> None:
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print(f"microseconds a step, batch 128, Adam, {ROUNDS} rounds, one thread; ratios to the hand-written loop")
    for problem in problems or PROBLEMS:
        measure(problem)


def measure(problem: str) -> None:
    """Print a line for each way to train `problem`."""
    config = make_job(f"problem={problem}", "optimizer=adam").config
    train = instantiate(config["data"], _convert_="all").splits.train
    ways: dict[str, Callable[[int], float]] = {
        "hand-written loop": lambda steps: by_hand(config, train, steps),
        "descentlab": lambda steps: by_descentlab(problem, steps),
        "Lightning, DataLoader, self.log": lambda steps: by_lightning(config, train, steps),
    }
    costs: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, run_for in ways.items():
            costs[way].append((run_for(LONG) - run_for(SHORT)) / (LONG - SHORT) * 1e6)
    medians = {way: statistics.median(values) for way, values in costs.items()}
    by_hand_cost, _, lightning_cost = medians.values()
    for way, cost in medians.items():
        ratios = f"x {cost / by_hand_cost:.2f} of the loop   x {cost / lightning_cost:.2f} of Lightning"
        print(f"{problem:24} {way:32} {cost:6.0f} us   {ratios}", flush=True)


def make_job(*overrides: str) -> Job:
    return checked_plan([compose_here(ROOT / "conf", *overrides)])[0]


def by_hand(config: dict[str, Any], train: tuple[torch.Tensor, ...], steps: int) -> float:
    """Seconds of the loop that anyone would write."""
    model = instantiate(config["model"], _convert_="all")
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    x, y = train
    began, step = time.perf_counter(), 0
    while step < steps:
        order = torch.randperm(len(x))
        for start in range(0, len(x) - 127, 128):
            rows = order[start : start + 128]
            optimizer.zero_grad()
            loss = cross_entropy(model(x[rows]), y[rows])
            loss.backward()
            optimizer.step()
            step += 1
            if step == steps:
                break
    return time.perf_counter() - began


def by_descentlab(problem: str, steps: int) -> float:
    """Seconds of fit, validation before and after included (the difference of two trainings cancels them)."""
    with tempfile.TemporaryDirectory() as folder:
        bounds = (f"budget.steps={steps}", "budget.epochs=null", "validate_every=1000000", f"output_dir={folder}")
        job = make_job(f"problem={problem}", "optimizer=adam", *bounds)
        job.save()
        run.main(job.folder)
        return Record.read(job.folder).timings["fit"]


class Usual(L.LightningModule):
    """The module of a tutorial: automatic optimization and a self.log in every step."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        self.model = instantiate(config["model"], _convert_="all")

    def training_step(self, batch: tuple[torch.Tensor, torch.Tensor], index: int) -> torch.Tensor:
        x, y = batch
        loss = cross_entropy(self.model(x), y)
        self.log("train/loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-3)


def by_lightning(config: dict[str, Any], train: tuple[torch.Tensor, ...], steps: int) -> float:
    """Seconds of fit with Lightning's own CSV logger."""
    with tempfile.TemporaryDirectory() as folder:
        quiet: dict[str, Any] = dict.fromkeys(("enable_progress_bar", "enable_checkpointing", "enable_model_summary"), False)
        trainer = L.Trainer(accelerator="cpu", max_steps=steps, max_epochs=-1, default_root_dir=folder, **quiet)
        loader = DataLoader(TensorDataset(*train), batch_size=128, shuffle=True, drop_last=True)
        module = Usual(config)
        began = time.perf_counter()
        trainer.fit(module, loader)
        return time.perf_counter() - began
