"""Check that the runs of a table can be stacked."""

from __future__ import annotations

from torch.optim import Optimizer

from descentlab.data.loading.loader import StepLoader, TrainLoader
from descentlab.errors import UsageError
from descentlab.optim.programs.reasons import reason_not_programmable
from descentlab.tasks.base import Task

INSTEAD = "leave out records=table"


def check_stackable(task: Task, loader: StepLoader, optimizer: Optimizer) -> None:
    """Check the parts of the first run of a table.

    Raises:
        UsageError: a part cannot be stacked.
    """
    if not isinstance(loader, TrainLoader) or loader.augment is not None:
        raise UsageError(f"records=table: the data are streamed or augmented; {INSTEAD}")
    if type(task).evaluate is not Task.evaluate or not task.one_pass:
        raise UsageError(f"records=table: {type(task).__name__} cannot be evaluated for all runs at once; {INSTEAD}")
    if task.recipe.schedule.state_dict():
        raise UsageError(f"records=table: the schedule depends on the validations of each run; choose another, or {INSTEAD}")
    batch = loader.parts(0)[0].batch
    if reason := reason_not_programmable(task.model, task.loss, optimizer, task.recipe, batch):
        raise UsageError(f"records=table: {reason}; {INSTEAD}")
