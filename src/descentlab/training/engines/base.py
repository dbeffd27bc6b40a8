"""The interface of engines, which execute the steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch

from descentlab.budget import Plan
from descentlab.data.loading.tensors import Data
from descentlab.tasks.base import Batch, Task
from descentlab.training.observers import Observers


class Engine(Protocol):
    """Trains and tests a task. Engines emit the same events to observers, which decide when training ends.

    Attributes:
        device: the one that this process computes on; known from the start of `fit` on.
        callbacks: the user's callbacks, whose state is saved in checkpoints.
    """

    callbacks: Sequence[Any]

    @property
    def device(self) -> torch.device: ...

    def fit(self, task: Task, data: Data[Any], plan: Plan, observers: Observers) -> None:
        """Train `task` from the step that `observers` locate until they decide to stop or the plan ends.

        The validation split is evaluated before the first step, at every step where the plan schedules a validation, and after
        the last step.

        Raises:
            Interrupted: an observer ended the run at a boundary.
            Died: another process of the run died.
        """
        ...

    def test(self, task: Task, data: Data[Any], observers: Observers) -> dict[str, float]:
        """Return the test metrics of the current weights by name, without "test/"."""
        ...

    def broadcast(self, batch: Batch) -> Batch:
        """Return the first process's batch on this process's device. Collective."""
        ...
