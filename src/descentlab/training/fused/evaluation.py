"""Evaluate a split for all runs of a block: one forward pass of the stacked runs for each batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from descentlab.data.loading.loader import Batch
from descentlab.optim.programs.program import NotTraceable
from descentlab.tasks.base import Task
from descentlab.tasks.metrics.scores import Scores
from descentlab.tasks.metrics.stacked import StackedScores, outputs_of_runs
from descentlab.training.fused.block import Block
from descentlab.training.fused.member import Member

NAMES = {"valid": "validation", "test": "test"}  # of splits, in reasons
Metrics = tuple[dict[str, float], dict[str, str]]  # values by name, and the reason of each that is undefined


@contextmanager
def evaluation_weights(block: Block, count: int) -> Iterator[None]:
    """Context in which the members of `block` that have taken `count` steps hold the weights that are evaluated.

    These are the trained ones except with an average or a schedule-free rule.
    """
    step = block.programs.step
    if not count or not step.has_evaluation_weights:
        yield
        return
    last = [member.numbers.table(count - 1, 1)[0] for member in block.owners]
    numbers = torch.stack([torch.from_numpy(row) for row in last]).to(block.tensors[0].device)
    before = [weight.clone() for weight in block.state.weights]
    with torch.no_grad():
        found = torch.vmap(step.evaluation_weights)(block.state, numbers)
        for weight, value in zip(block.state.weights, found, strict=True):
            weight.copy_(value)
    try:
        yield
    finally:
        for weight, value in zip(block.state.weights, before, strict=True):
            weight.copy_(value)


def _output_of(outputs: Any, slot: int) -> Callable[[Tensor], Any]:
    """Return a predictor that returns the output of the run in `slot`, which has been computed."""
    own = _of_slot(outputs, slot)
    return lambda _: own


def _of_slot(outputs: Any, slot: int) -> Any:
    """Return the part of stacked outputs, tensors in tuples, lists and dicts, that belongs to the run in `slot`."""
    if isinstance(outputs, Tensor):
        return outputs[slot]
    if isinstance(outputs, dict):
        return {name: _of_slot(each, slot) for name, each in outputs.items()}
    parts = [_of_slot(each, slot) for each in outputs]
    return type(outputs)(*parts) if hasattr(outputs, "_fields") else type(outputs)(parts)


@torch.no_grad()
def check_evaluation(task: Task, batch: Batch) -> None:
    """Check that the forward pass of a validation can be stacked.

    Raises:
        NotTraceable: it cannot.
    """
    if not task.one_pass:  # each run evaluates its own model
        return
    task.eval()
    try:
        torch.vmap(task.model)(batch[0].unsqueeze(0))
    except RuntimeError as error:
        cause = "it draws random numbers" if "random operation" in str(error) else str(error).partition("\n")[0]
        raise NotTraceable(f"the model cannot be stacked in a validation: {cause}") from error
    finally:
        task.train()


@torch.no_grad()
def evaluate(block: Block, members: Sequence[Member], batches: Iterable[Batch], split: str) -> dict[Member, Metrics]:
    """Return the metrics of `members`, which belong to `block`, on a split with their present weights.

    Args:
        split: valid or test, whose metrics the tasks hold.
    """
    model = members[0].task.model  # in evaluation mode, unlike that of a member that is not evaluated now
    step = block.programs.step
    tensors = dict(zip(step.names, block.state.weights, strict=True)) | block.state.buffers
    for member in members:
        member.task.eval()

    if StackedScores.apply_to(members[0].task):
        stacked = StackedScores(members[0].task)
        for batch in batches:
            stacked.update(outputs_of_runs(model, tensors, batch[0]), batch)
        rows = stacked.collect(NAMES[split])
        found = {member: rows[member.slot] for member in members}
    else:
        for batch in batches:
            outputs = outputs_of_runs(model, tensors, batch[0]) if members[0].task.one_pass else None
            for member in members:
                task = member.task
                task.add(getattr(task, split), batch, task.model if outputs is None else _output_of(outputs, member.slot))
        found = {member: _collect(getattr(member.task, split)) for member in members}
    for member in members:
        member.observers.batch_evaluated()
        member.task.train()
    return found


def _collect(scores: Scores) -> Metrics:
    values = {name: float(value) for name, value in scores.collect("").items()}
    return values, scores.undefined
