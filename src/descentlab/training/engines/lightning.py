"""The engine that trains with Lightning's Trainer. A single callback translates Lightning's hooks to events."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments.slurm import SLURMEnvironment
from lightning.pytorch.strategies import ModelParallelStrategy, Strategy

from descentlab.budget import Plan
from descentlab.compat import set_global_step, set_logged_step, without_signal_handlers
from descentlab.data.loading.placement import Placement
from descentlab.data.loading.tensors import Data
from descentlab.parallel.post_mortem import Died, describe_exit
from descentlab.store.core import TrainerConfig
from descentlab.tasks.base import Batch, Task
from descentlab.tasks.measurement import ChunkOutputs
from descentlab.training.engines.logger import ObserverLogger
from descentlab.training.events import Boundary, Ended, StepsDone, Validated
from descentlab.training.observers import Observers

REAPED = 5.0  # seconds to wait for the exit code of a process that died


class LightningEngine:
    """Trains with Lightning's Trainer, whose logging, checkpoints, progress bars and signal handlers are disabled.

    One Lightning epoch is the interval between two validations: the loader ends at each validation.

    Args:
        settings: the config's trainer node.
        callbacks: the user's callbacks. With any, a chunk is one step, and the values they log are written to the curves.
        log_every: steps between two rows of logged values.
    """

    def __init__(self, settings: TrainerConfig, callbacks: Sequence[L.Callback] = (), log_every: int = 10) -> None:
        self.callbacks: Sequence[Any] = callbacks
        self.translator = HookTranslator(single_steps=bool(callbacks))
        slurm: list[Any] = [SLURMEnvironment(auto_requeue=False)] if SLURMEnvironment.detect() else []
        self.trainer = L.Trainer(
            **{**asdict(settings), "strategy": _strategy(settings)},
            callbacks=[self.translator, *callbacks],
            plugins=slurm,
            max_epochs=-1,
            num_sanity_val_steps=-1,  # a full validation before the first step
            logger=ObserverLogger(self.translator) if callbacks else False,
            log_every_n_steps=log_every,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
        without_signal_handlers(self.trainer)

    @property
    def device(self) -> torch.device:
        return self.trainer.strategy.root_device

    def fit(self, task: Task, data: Data[Any], plan: Plan, observers: Observers) -> None:
        """Train until the plan ends or an observer decides to stop. If another process has died, report that process."""
        self.translator.observers, task.data = observers, data
        data.chunk, data.log_every = 1 if self.translator.single_steps else None, task.measure_every
        try:
            self.trainer.fit(task, datamodule=data)
        except Exception as error:
            if not _lost_another(error):
                raise
            raise self._post_mortem(error) from error
        task.to(self.device)  # from the CPU, to which Lightning moves a model after training

    def _post_mortem(self, error: Exception) -> Died:
        """Return an exception that describes the process of the run that died first."""
        ended: dict[int, int] = {}  # rank -> exit code
        for rank, process in enumerate(getattr(self.trainer.strategy.launcher, "procs", ()), 1):
            with contextlib.suppress(subprocess.TimeoutExpired):
                ended[rank] = process.wait(REAPED)
        # Exit codes of signals are negative. Processes that end because another one died exit with 1.
        first = min(ended, key=lambda rank: ended[rank], default=None)
        if first is None or not ended[first]:
            return Died(f"another process of the run: {error}")
        return Died(f"process {first} of the run: {describe_exit(ended[first])}")

    def test(self, task: Task, data: Data[Any], observers: Observers) -> dict[str, float]:
        """Return the test metrics of the current weights by name, without "test/"."""
        self.translator.observers, task.data = observers, data
        self.trainer.test(task, datamodule=data, verbose=False)
        task.to(self.device)
        metrics = self.trainer.callback_metrics.items()
        return {name.removeprefix("test/"): float(value) for name, value in metrics if name.startswith("test/")}

    def broadcast(self, batch: Batch) -> Batch:
        """Return the first process's batch on this process's device. Collective."""
        return tuple(part.to(self.device) for part in self.trainer.strategy.broadcast(batch))


class HookTranslator(L.Callback):
    """Translates Lightning's hooks to events for observers, and their decisions to `trainer.should_stop`.

    It is the first of the trainer's callbacks, so that the user's callbacks see the resulting state.

    Args:
        single_steps: True if chunks are single steps, because there are user callbacks.
    """

    internal = True  # it does nothing inside a step: see optim.lightning_hooks

    def __init__(self, single_steps: bool) -> None:
        self.single_steps = single_steps
        self.observers = Observers()
        self.task: Task | None = None
        self.fresh = False  # True if steps were taken since the last boundary

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        assert isinstance(pl_module, Task)
        self.task = pl_module
        self.task.data.placement = _placement(trainer)
        if stage == "fit" and (start := self.observers.locate()) is not None:
            self.task.data.start = start
            trainer.num_sanity_val_steps = 0  # the validation before the first step was made by an earlier process

    def on_train_start(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.observers.restore()
        set_global_step(trainer, task.step.count)
        set_logged_step(trainer, task.step.count)
        trainer.should_stop = self.observers.stopping

    def on_train_epoch_start(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.observers.training()

    def on_train_batch_start(self, trainer: L.Trainer, task: Task, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Report the boundary before this batch: here all rows about earlier steps are written, those of callbacks included."""
        if self.fresh:
            self.observers.boundary(Boundary(task.step.count))
            self.fresh = False
        if self.single_steps:  # callbacks see the learning rate of this step
            task.step.values.set(task.step.count, task.total_steps)

    def on_train_batch_end(self, trainer: L.Trainer, task: Task, outputs: ChunkOutputs, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.fresh = True
        set_global_step(trainer, task.step.count)
        self.observers.steps_done(StepsDone(**outputs))
        trainer.should_stop |= self.observers.stopping

    def on_validation_start(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.observers.evaluating()

    def on_validation_batch_end(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.observers.batch_evaluated()

    def on_test_batch_end(self, *_: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.observers.batch_evaluated()

    def on_validation_end(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        step, before_training = task.step, trainer.sanity_checking
        batches = None if before_training else task.data.loader.digest(step.count)
        metrics, undefined = task.validation_metrics(), task.valid.undefined
        event = Validated(step.count, step.evaluations, metrics, undefined, before_training, batches, trainer.should_stop)
        self.observers.validated(event)
        trainer.should_stop |= self.observers.stopping

    def on_train_end(self, trainer: L.Trainer, task: Task) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        self.observers.ended(Ended(task.step.count, task.step.evaluations))


def _placement(trainer: L.Trainer) -> Placement:
    """Return the placement of this process, which Lightning knows from the hook `setup` on."""
    plugin = trainer.precision_plugin
    return Placement(trainer.strategy.root_device, trainer.global_rank, trainer.world_size, plugin.convert_input)


def _lost_another(error: Exception) -> bool:
    """Return True if `error` only reports that another process cannot be reached, without the cause."""
    return isinstance(error, torch.distributed.DistError) or (isinstance(error, RuntimeError) and "gloo" in str(error))


def _strategy(settings: TrainerConfig) -> Strategy | str:
    """Return the strategy; for fsdp, FSDP2, whose whole weights are gathered in the first process."""
    if settings.strategy != "fsdp":
        return settings.strategy
    return ModelParallelStrategy(settings.processes, tensor_parallel_size=1, save_distributed_checkpoint=False)
