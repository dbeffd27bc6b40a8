"""Builds what a resolved config describes: data and plan, task, trainer. A run and its rehearsal build the same."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Mapping
from typing import Any, TypeVar

import lightning as L
import torch
from torch import nn

from descentlab.budget import Plan
from descentlab.config.build import build, build_a
from descentlab.data.loading.tensors import Data
from descentlab.errors import UsageError
from descentlab.optim.recipe import Recipe
from descentlab.tasks.base import Task

T = TypeVar("T")


def set_up_torch(config: Mapping[str, Any]) -> None:
    """Set threads, determinism and warnings as `config` asks for."""
    warnings.filterwarnings("ignore", module=r"lightning\.")  # advice on what this program decides itself
    warnings.filterwarnings("ignore", message="Using backward\\(\\) with create_graph")  # optim/step.py breaks the cycle
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    torch.set_num_threads(config["threads"])
    if config["deterministic"]:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without which CUDA's matrix products refuse
    torch.use_deterministic_algorithms(config["deterministic"])
    if config["trainer"]["num_nodes"] == 1 and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # or gloo looks the host's name up, which may not resolve


def load_data(config: Mapping[str, Any]) -> Data[Any]:
    """Return the data of a run, not yet read."""
    return build_a(Data, "data", config["data"])


def plan_of(config: Mapping[str, Any], data: Data[Any]) -> Plan:
    """Return where the steps of a run on `data` lie; reads the data.

    Raises:
        UsageError: the batch is larger than the training set.
    """
    rows = data.splits.sizes()["train"]
    return Plan.of(rows, config["batch_size"], config["budget"], config["validate_every"], data.drop_last)


def make_task(config: Mapping[str, Any], data: Data[Any], plan: Plan) -> Task:
    """Return the task of a run: its model, with initial weights drawn from the seed, its loss, and how it is trained."""
    L.seed_everything(config["seed"], verbose=False)
    model = build_a(nn.Module, "model", data.fill(config["model"]))
    if config["compile"]:
        model.compile()
    recipe = Recipe.of(config, build)
    make = build({**data.fill(config["task"]), "_partial_": True})
    task = make(model=model, recipe=recipe, total_steps=plan.total, measure_every=config["log_every"])
    if not isinstance(task, Task):
        raise UsageError(f"task._target_={config['task']['_target_']} gives a {type(task).__name__}, not a descentlab Task")
    return task
