"""The specification of a hand-written loop: the same model, data and batches as a problem of descentlab."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from benchmarks.measure import start, train
from hydra.utils import instantiate

SCRIPTS = Path(__file__).parent
DENSE = {"activation": "relu", "norm": "none", "dropout": 0.0, "residual": False}
DECODER = {"positions": "rope", "qk_norm": False, "tied": True, "dropout": 0.0}


def make_spec(problem: str, folder: Path) -> dict[str, Any]:
    """Write the tensors of `problem` to `folder` and return the specification; the config is that of a run of one step.

    Raises:
        SystemExit: see `spec_of`.
    """
    (record,) = train(folder / problem, problem, "logger=none", "budget.steps=1")
    return spec_of(record["config"], folder / f"{problem}.pt")


def spec_of(config: Mapping[str, Any], tensors: Path, device: str = "cpu") -> dict[str, Any]:
    """Write the splits of the data of a run to the file `tensors`, and return the specification.

    Keys: data (the file), device, kind (of hand_written.make) and model (its arguments), batch_size, drop_last, epochs, lr,
    seed, log_every.

    Raises:
        SystemExit: no hand-written model corresponds to the run's.
    """
    data = instantiate(config["data"], _convert_="all")
    torch.save({part: tuple(getattr(data.splits, part)) for part in ("train", "valid", "test")}, tensors)
    return {
        "data": str(tensors),
        "device": device,
        **_model(config["model"]),
        "batch_size": config["batch_size"],
        "drop_last": data.drop_last,
        "epochs": config["budget"]["epochs"],
        "lr": config["optimizer"]["lr"],
        "seed": config["seed"],
        "log_every": config["log_every"],
    }


def _model(model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the kind and the arguments of the hand-written model."""
    name = model["_target_"].rpartition(".")[2]
    if name in ("MLP", "Linear") and _agrees(model, DENSE):
        return {"kind": "dense", "model": {"widths": [model["num_features"], *model.get("hidden", ()), model["num_outputs"]]}}
    if name == "CNN2c2d":
        return {"kind": "2c2d", "model": {key: model[key] for key in ("image_shape", "num_outputs")}}
    if name == "GPT" and _agrees(model, DECODER):
        return {"kind": "gpt", "model": {key: model[key] for key in ("vocabulary", "length", "width", "layers", "heads")}}
    sys.exit(f"model {name}: the hand-written loops have dense layers with ReLU, 2c2d, and a GPT with rotary positions")


def _agrees(model: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    return all(model.get(key, value) == value for key, value in values.items())


def run_script(name: str, spec: dict[str, Any], folder: Path, **extra: Any) -> dict[str, Any]:
    """Run the script benchmarks/`name`.py on `spec` in its own process; return the JSON object that it prints last."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**spec, **extra}))
    return json.loads(start([str(SCRIPTS / f"{name}.py"), str(path)], folder).splitlines()[-1])
