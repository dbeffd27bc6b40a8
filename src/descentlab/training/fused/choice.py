"""Choose how the runs of a group are trained: one by one, or stacked, and whether the stacked program is compiled.

The choice compares predicted times. They come from the time of a few steps, measured on this machine, and from the times that
earlier programs took.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from descentlab.data.loading.loader import Batch, Part
from descentlab.optim.programs import compiled
from descentlab.optim.programs.program import Program
from descentlab.optim.programs.saving import GAIN_OF_GROUP, compiling_seconds, seconds_of, try_to_compile
from descentlab.optim.step import Step
from descentlab.store.record import AT_ONCE, FUSE
from descentlab.training.fused.block import Block
from descentlab.training.fused.member import Member

START = 0.7  # seconds of a core that the start and the end of a process of a single run take


@dataclass(frozen=True)
class Costs:
    """Predicted seconds of training a group: its runs one by one, and stacked, by the traced or the compiled program."""

    single: float
    traced: float
    compiled: float


@dataclass(frozen=True)
class Choice:
    """How a group is trained.

    Args:
        costs: the predictions.
        reason: why the runs should be trained one by one; empty if they are to be stacked.
    """

    costs: Costs
    reason: str = ""


def choose(blocks: Sequence[Block]) -> Choice:
    """Return how the members of `blocks` are trained, and set which of their programs are compiled."""
    block, programs = blocks[0], blocks[0].programs
    members = [member for each in blocks for member in each.members]
    plan = block.members[0].plan
    numbers = torch.from_numpy(block.owners[0].numbers.table(0, 1)).repeat(block.size, 1).to(block.tensors[0].device)
    last = next(block.batches(plan.steps_per_epoch - 1, 1))  # of an epoch, which may be smaller
    programs.program(block.state, numbers, last)
    batch = next(block.batches(0, 1))
    program = programs.program(block.state, numbers, batch)
    steps = max(_left(member) for member in members)
    stacked = len(blocks) * steps

    one = seconds_of(_single_step(members[0]))
    traced = seconds_of(lambda: program(_copies(block.tensors), numbers, batch))
    known = compiled.known_seconds(program.path)
    costs = Costs(
        single=math.ceil(len(members) / int(os.environ.get(AT_ONCE, "1"))) * (steps * one + START),
        traced=stacked * traced,
        compiled=stacked * (known or traced * (1 - GAIN_OF_GROUP)) + (0.0 if program.is_cached else compiling_seconds()),
    )
    must_fuse, must_compile = os.environ.get(FUSE) == "always", block.members[0].job.core.compile == "step"
    if costs.single < min(costs.traced, costs.compiled) and not must_fuse:
        return Choice(costs, _reason(one, min(traced, known or traced) / len(block.members)))
    if costs.compiled > costs.traced and not must_compile:
        return Choice(costs)
    rare = costs.traced / plan.steps_per_epoch  # seconds of the steps with the last batch of an epoch
    return Choice(costs, _compile(blocks, program, numbers, batch, 0.0 if must_fuse else one, traced, rare))


def _compile(
    blocks: Sequence[Block], program: Program, numbers: Tensor, batch: Batch, one: float, traced: float, rare: float
) -> str:
    """Compile `program`, and measure whether this was worth it. Return the reason of the choice.

    Args:
        one: seconds of a step of a single run; 0: the runs must be stacked.
        traced: seconds of a step of a block without compiling.
        rare: predicted seconds, without compiling, of all steps with a batch of another shape.
    """
    block, programs = blocks[0], blocks[0].programs
    must_compile = block.members[0].job.core.compile == "step"
    if not try_to_compile(program):
        return ""
    seconds = seconds_of(lambda: program(_copies(block.tensors), numbers, batch))
    compiled.remember_seconds(program.path, seconds)
    if one and min(seconds, traced) / len(block.members) > one:
        return _reason(one, min(seconds, traced) / len(block.members))
    if seconds > traced and not must_compile:
        program.trace()
        return ""
    for other in programs.found.values():
        if must_compile or other.is_cached or rare * GAIN_OF_GROUP > compiling_seconds():
            try_to_compile(other)
    return ""


def _left(member: Member) -> int:
    """Return the number of steps that a member has yet to take."""
    return (member.plan.total or 0) - member.step.count


def _single_step(member: Member) -> Callable[[], object]:
    """Return a function that takes a step of a copy of a member, as a single run does."""
    task = member.task
    model = copy.deepcopy(task.model)
    optimizer = task.recipe.make(model, task.total_steps)
    step = Step(model, lambda batch: task.loss(model, batch), Tensor.backward, optimizer, task.recipe, task.total_steps)
    parts = [Part(part.batch, 1.0) for part in member.loader.parts(0)]
    return lambda: step(parts)


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [tensor.clone() for tensor in tensors]


def _reason(one: float, stacked: float) -> str:
    return f"one by one they are faster: {one * 1e6:,.0f} us a step, {stacked * 1e6:,.0f} us in a group"
