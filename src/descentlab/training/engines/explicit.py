"""A run without Lightning's trainer: validate, step, validate, step, in plain sight."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Any

import lightning as L
import torch
from lightning.pytorch.plugins.precision import DoublePrecision, Precision
from lightning.pytorch.strategies import SingleDeviceStrategy

from descentlab.data.loading.tensors import Data
from descentlab.tasks.base import Task
from descentlab.training.engines.descent import Descent

PRECISIONS: dict[str, type[Precision]] = {"32-true": Precision, "64-true": DoublePrecision}


class Explicit:
    """What a task, its data and the callbacks ask of a trainer: one process, one device, and a loop that can be read.

    Args:
        callbacks: told what happens, in this order, each before the task is.
        accelerator, precision: of the config's trainer node.
    """

    global_rank, world_size = 0, 1

    def __init__(self, callbacks: Sequence[L.Callback], accelerator: str, precision: str) -> None:
        gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
        device = torch.device("cuda", 0) if gpu else torch.device("cpu")
        self.precision_plugin = PRECISIONS[precision]()
        self.strategy = SingleDeviceStrategy(device, precision_plugin=self.precision_plugin)
        self.callbacks = list(callbacks)
        self.callback_metrics: dict[str, torch.Tensor] = {}
        self.num_sanity_val_steps = -1  # validate before the first step; a run that goes on says 0
        self.sanity_checking = self.should_stop = False

    def fit(self, task: Task, datamodule: Data[Any]) -> None:
        """Train until a callback says `should_stop`. An epoch is the stretch between two validations."""
        self._attach(task, datamodule, "fit")
        task.step = descent = Descent(task, task.configure_optimizers())  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
        if self.num_sanity_val_steps:
            self.sanity_checking = True
            self._evaluate("validation", task.valid.collect)
            self.sanity_checking = False
        loader = datamodule.train_dataloader()
        self._tell("on_train_start")  # where a run that goes on finds its weights and states again

        steps = descent.steps(loader)
        while not (self.should_stop or loader.plan.done(descent.count)):
            self._tell("on_train_epoch_start")
            left = loader.plan.next_stop(descent.count) - descent.count
            for done in islice(steps, left):
                self._tell("on_train_batch_end", {"steps": done}, None, done.first)
                if self.should_stop:
                    break
            self._evaluate("validation", task.valid.collect)
            self._tell("on_train_epoch_end")
        self._tell("on_train_end")

    def test(self, task: Task, datamodule: Data[Any], verbose: bool = False) -> list[dict[str, torch.Tensor]]:
        """The test metrics, in a list, as Lightning gives them."""
        self._attach(task, datamodule, "test")
        return [self._evaluate("test", task.test.collect)]

    def _attach(self, task: Task, data: Data[Any], stage: str) -> None:
        """Make task, data and trainer known to each other, and bring the model to where it is trained."""
        self.lightning_module, self.datamodule = task, data
        task.trainer = data.trainer = self  # pyright: ignore[reportAttributeAccessIssue]
        data.setup(stage)
        self._tell("setup", stage)
        self.precision_plugin.convert_module(task).to(self.strategy.root_device)

    @torch.no_grad()
    def _evaluate(self, kind: str, collect: Any) -> dict[str, torch.Tensor]:
        """The metrics of the task on the validation or test split."""
        task, prefix = self.lightning_module, {"validation": "valid/", "test": "test/"}[kind]
        loader = self.datamodule.val_dataloader() if kind == "validation" else self.datamodule.test_dataloader()
        step = task.validation_step if kind == "validation" else task.test_step
        task.eval()
        self._tell(f"on_{kind}_start")
        with self.precision_plugin.forward_context():
            for index, batch in enumerate(loader):
                step(batch, index)
                self._tell(f"on_{kind}_batch_end", None, batch, index)
        found = collect(prefix)
        self.callback_metrics.update(found)
        self._tell(f"on_{kind}_end")
        task.train()
        return found

    def _tell(self, hook: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, self.lightning_module, *args)
        getattr(self.lightning_module, hook)(*args)
