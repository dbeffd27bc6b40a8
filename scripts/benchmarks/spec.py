"""The specification of a hand-written loop: the same model, data and batches as a problem of descentlab."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from benchmarks.measure import start, train
from hydra.utils import instantiate

SCRIPTS = Path(__file__).parent


def make_spec(problem: str, folder: Path) -> dict[str, Any]:
    """Write the tensors of `problem` to `folder` and return what the loops need to train on them.

    The problem is taken from the record of a run of one step. Keys: data (file of tensors), widths (of the layers,
    input and output included), batch_size, drop_last, epochs, lr, seed, log_every.

    Raises:
        SystemExit: the model is not a stack of dense layers with ReLU, or batches are not of fixed size.
    """
    (record,) = train(folder / problem, problem, "logger=none", "budget.steps=1")
    config = record["config"]
    data = instantiate(config["data"], _convert_="all")
    torch.save({part: tuple(getattr(data.splits, part)) for part in ("train", "valid", "test")}, folder / f"{problem}.pt")
    return {
        "data": str(folder / f"{problem}.pt"),
        "widths": _widths(config["model"], problem),
        "batch_size": config["batch_size"],
        "drop_last": data.drop_last,
        "epochs": config["budget"]["epochs"],
        "lr": config["optimizer"]["lr"],
        "seed": config["seed"],
        "log_every": config["log_every"],
    }


def _widths(model: dict[str, Any], problem: str) -> list[int]:
    plain = {"activation": "relu", "norm": "none", "dropout": 0.0, "residual": False}
    if not model["_target_"].endswith((".MLP", ".Linear")) or any(
        model.get(key, value) != value for key, value in plain.items()
    ):
        sys.exit(f"problem={problem}: the hand-written loop has dense layers with ReLU only (models mlp and linear)")
    return [model["num_features"], *model.get("hidden", ()), model["num_outputs"]]


def run_script(name: str, spec: dict[str, Any], folder: Path, **extra: Any) -> dict[str, Any]:
    """Run the script benchmarks/`name`.py on `spec` in its own process; return the JSON object that it prints last."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**spec, **extra}))
    return json.loads(start([str(SCRIPTS / f"{name}.py"), str(path)], folder).splitlines()[-1])
