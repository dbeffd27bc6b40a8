"""The engine that steps through Lightning's Trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import lightning as L
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy

from descentlab.compat import without_signal_handlers
from descentlab.training.engines.explicit import Explicit


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
    return without_signal_handlers(trainer)


def _strategy(trainer: Mapping[str, Any]) -> Strategy | str:
    """Lightning's word for the strategy, or what it has no word for: FSDP2, with whole weights on the first process."""
    if trainer["strategy"] != "fsdp":
        return trainer["strategy"]
    processes = trainer["devices"] * trainer["num_nodes"]
    return ModelParallelStrategy(processes, tensor_parallel_size=1, save_distributed_checkpoint=False)
