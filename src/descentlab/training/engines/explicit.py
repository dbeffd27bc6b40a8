"""The explicit engine, without Lightning's trainer: one loop of validations and steps, written out for reading."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import torch
from lightning.pytorch.plugins.precision import DoublePrecision, Precision

from descentlab.budget import Plan
from descentlab.data.loading.placement import Placement
from descentlab.data.loading.tensors import Data
from descentlab.tasks.base import Batch, Task
from descentlab.training.engines.descent import Descent
from descentlab.training.events import Boundary, Ended, Validated
from descentlab.training.observers import Observers

PRECISIONS: dict[str, type[Precision]] = {"32-true": Precision, "64-true": DoublePrecision}


class Explicit:
    """Trains a task with a rule of descentlab.rules, in one process and on one device.

    Args:
        accelerator, precision: settings of the config's trainer node.
    """

    callbacks: Sequence[Any] = ()

    def __init__(self, accelerator: str, precision: str) -> None:
        gpu = accelerator in ("gpu", "cuda") or (accelerator == "auto" and torch.cuda.is_available())
        self.device = torch.device("cuda", 0) if gpu else torch.device("cpu")
        self.precision = PRECISIONS[precision]()

    def fit(self, task: Task, data: Data[Any], plan: Plan, observers: Observers) -> None:
        """Train until the plan ends or an observer decides to stop."""
        self.set_up(task, data, "fit")
        start = observers.locate()
        data.start = start or 0
        optimizer: Any = task.configure_optimizers()
        descent = Descent(task, optimizer)
        task.step = descent  # pyright: ignore[reportAttributeAccessIssue]
        if start is None:
            self._validate(task, data, observers, before_training=True)
        loader = data.train_dataloader()
        observers.restore()
        task.check_batches(loader)

        steps = descent.steps(loader)
        while not (observers.stopping or plan.done(descent.count)):
            observers.training()
            for event in islice(steps, plan.next_validation(descent.count) - descent.count):
                observers.steps_done(event)
                if observers.stopping:
                    break
                if descent.count < plan.next_validation(descent.count - 1):  # otherwise it is validated first
                    observers.boundary(Boundary(descent.count))
            self._validate(task, data, observers, before_training=False)
            if not (observers.stopping or plan.done(descent.count)):
                observers.boundary(Boundary(descent.count))
        observers.ended(Ended(descent.count, descent.evaluations))

    def test(self, task: Task, data: Data[Any], observers: Observers) -> dict[str, float]:
        """Return the test metrics of the current weights by name, without "test/"."""
        self.set_up(task, data, "test")
        return self._evaluate(task, data.test_dataloader(), task.test_step, task.test.collect, observers)

    def broadcast(self, batch: Batch) -> Batch:
        """Return `batch` on the device."""
        return tuple(part.to(self.device) for part in batch)

    def set_up(self, task: Task, data: Data[Any], stage: str) -> None:
        """Place task and data on this engine's device, in its precision, and call their hooks `setup`."""
        task.data, data.placement = data, Placement(self.device, convert=self.precision.convert_input)
        data.setup(stage)
        task.setup(stage)
        self.precision.convert_module(task).to(self.device)

    def _validate(self, task: Task, data: Data[Any], observers: Observers, before_training: bool) -> None:
        """Evaluate the validation split at the evaluation weights, and report the metrics."""
        observers.evaluating()
        task.eval()  # before running statistics are recomputed for the evaluation weights
        task.begin_evaluation(None if before_training else data.loader)
        metrics = self._evaluate(task, data.val_dataloader(), task.validation_step, task.valid.collect, observers)
        step, evaluations = task.step.count, task.step.evaluations
        batches = None if before_training else data.loader.digest(step)
        event = Validated(step, evaluations, metrics, task.valid.undefined, before_training, batches, observers.stopping)
        observers.validated(event)
        task.end_evaluation(metrics, before_training)

    @torch.no_grad()
    def _evaluate(
        self,
        task: Task,
        batches: Any,
        step: Callable[[Batch, int], None],
        collect: Callable[[str], dict[str, torch.Tensor]],
        observers: Observers,
    ) -> dict[str, float]:
        """Return the metrics of a split by name."""
        task.eval()
        with self.precision.forward_context():
            for index, batch in enumerate(batches):
                step(batch, index)
                observers.batch_evaluated()
        found = collect("")
        task.train()
        return {name: float(value) for name, value in found.items()}
