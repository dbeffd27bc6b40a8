"""Builds what a resolved config describes: data and plan, task, trainer. A run and its rehearsal build the same."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import lightning as L
import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy
from torch import nn

from descentlab.budget import Plan
from descentlab.data.tensors import Data
from descentlab.explicit import Explicit
from descentlab.messages import UsageError
from descentlab.optim.recipe import Recipe
from descentlab.tasks.base import Task

T = TypeVar("T")


def build(node: Mapping[str, Any]) -> Any:
    """Return what `node` describes by its _target_, given plain lists and dicts; raises what the target raises."""
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        raise error.__cause__ or error from None


def build_a(kind: type[T], group: str, node: Mapping[str, Any]) -> T:
    """Return what `node` describes.

    Raises:
        UsageError: it is no `kind`.
    """
    built = build(node)
    if not isinstance(built, kind):
        raise UsageError(f"{group}._target_={node['_target_']} gives a {type(built).__name__}, not a {kind.__name__}")
    return built


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


def make_trainer(config: Mapping[str, Any], callbacks: Sequence[L.Callback]) -> L.Trainer | Explicit:
    """Return the explicit loop, or Lightning's trainer without its own logging, checkpoints, bars and signal handlers.

    Its epoch is the stretch between two validations (the loader ends there), and it begins with a full validation: step 0.
    """
    wanted = config["trainer"]
    if config["engine"] == "explicit":
        return Explicit(callbacks, wanted["accelerator"], wanted["precision"])
    slurm: list[Any] = [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
    trainer = L.Trainer(
        **{**wanted, "strategy": _strategy(wanted)},
        callbacks=list(callbacks),
        plugins=slurm,
        max_epochs=-1,
        num_sanity_val_steps=-1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )
    # They would talk to the other processes from inside a handler, which may find them in the middle of a collective.
    trainer._signal_connector.register_signal_handlers = lambda: None
    return trainer


def _strategy(trainer: Mapping[str, Any]) -> Strategy | str:
    """Lightning's word for the strategy, or what it has no word for: FSDP2, with whole weights on the first process."""
    if trainer["strategy"] != "fsdp":
        return trainer["strategy"]
    processes = trainer["devices"] * trainer["num_nodes"]
    return ModelParallelStrategy(processes, tensor_parallel_size=1, save_distributed_checkpoint=False)
