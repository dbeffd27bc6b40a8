"""Load the model, the data and the weights of a finished run, for analyses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from descentlab.data.loading.tensors import Data
from descentlab.errors import UsageError
from descentlab.store.checkpoint import State
from descentlab.store.job import Job
from descentlab.store.record import CHECKPOINT, SNAPSHOTS
from descentlab.tasks.base import Batch, Task
from descentlab.tasks.metrics.scores import Scores
from descentlab.training.setup import load_data, make_task, plan_of, set_up_torch
from descentlab.training.start import set_initial_weights

Split = Literal["train", "valid", "test"]
KEEP = "train it again with checkpoint.keep=true rerun=true"


@dataclass(frozen=True)
class FinishedRun:
    """A finished run that has kept its weights, on the CPU.

    Attributes:
        job: its config and its folder.
        task: its task, with the initial weights until `evaluate` sets others.
        data: its data.
        initial: copies of the initial weights and buffers by name.
    """

    job: Job
    task: Task
    data: Data[Any]
    initial: Mapping[str, Tensor]

    @cached_property
    def saved(self) -> State:
        """The checkpoint at the end of training, which also has the state of the optimizer.

        Raises:
            UsageError: the run did not keep it.
        """
        path = self.job.folder / CHECKPOINT
        if not path.exists():
            raise UsageError(f"{self.job.folder} has not kept its weights: {KEEP}")
        return torch.load(path, map_location="cpu", weights_only=True)

    @property
    def weights(self) -> dict[str, Tensor]:
        """The weights and buffers at the end of training."""
        return self.saved["weights"]

    @cached_property
    def snapshots(self) -> dict[int, dict[str, Tensor]]:
        """The weights over time by step, if checkpoint.snapshots was set; empty if not."""
        paths = sorted((self.job.folder / SNAPSHOTS).glob("[0-9]*.pt"))
        return {int(path.stem): torch.load(path, map_location="cpu", weights_only=True) for path in paths}

    @cached_property
    def parameters(self) -> list[str]:
        """The names of the parameters, without buffers."""
        return [name for name, _ in self.task.model.named_parameters()]

    def evaluate(self, weights: Mapping[str, Tensor], split: Split = "valid") -> dict[str, float]:
        """Return the mean loss and the metrics of a split by name; the weights of the model become `weights`."""
        self.task.model.load_state_dict(dict(weights))
        self.task.eval()
        scores = Scores(self.task.make_metrics(), split)
        with torch.no_grad():
            for batch in self.batches(split):
                self.task.add(scores, batch, self.task.model)
        return {name: float(value) for name, value in scores.collect("").items()}

    def batches(self, split: Split) -> Iterable[Batch]:
        """Return the batches of a split, in order."""
        return self.data.eval_loader(getattr(self.data.splits, split))


def load_finished(folder: Path) -> FinishedRun:
    """Return the finished run in `folder`.

    Raises:
        UsageError: there is no config of a run.
    """
    if not (folder / "config.yaml").exists():
        raise UsageError(f"{folder} is no folder of a run")
    job = Job.load(folder)
    set_up_torch(job.core)
    data = load_data(job.config)
    plan = plan_of(job.core, data)
    data.serve(plan, job.core.data_seed, job.core.microbatch, job.config.get("branch"))
    task = make_task({**job.config, "compile": False}, data, plan)
    task.data = data
    task.setup("fit")  # the weights of classes and the scale of the target follow from the data
    set_initial_weights(job.config, task.model)
    initial = {name: value.detach().clone() for name, value in task.model.state_dict().items()}
    return FinishedRun(job, task, data, initial)
