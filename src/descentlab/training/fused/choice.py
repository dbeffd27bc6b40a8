"""Choose how the runs of a group are trained: one by one, or stacked, and whether the stacked program is compiled.

The choice compares predicted times. They come from the time of a few steps, measured on this machine: those of the compiled
program, too, if it is in the cache. Otherwise they are estimated, with the time that the last program took to compile.
"""

from __future__ import annotations

import copy
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from descentlab.data.loading.loader import Part
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
    must_fuse, must_compile = os.environ.get(FUSE) == "always", block.members[0].job.core.compile == "step"

    def seconds_of_step() -> float:
        return seconds_of(lambda: program([tensor.clone() for tensor in block.tensors], numbers, batch))

    one, traced = seconds_of(_single_step(members[0])), seconds_of_step()
    is_loaded = program.is_cached and try_to_compile(program)
    compiled = seconds_of_step() if is_loaded else traced * (1 - GAIN_OF_GROUP)
    steps = max(_left(member) for member in members)
    stacked = len(blocks) * steps
    costs = Costs(
        single=math.ceil(len(members) / int(os.environ.get(AT_ONCE, "1"))) * (steps * one + START),
        traced=stacked * traced,
        compiled=stacked * compiled + (0.0 if is_loaded else compiling_seconds()),
    )

    def one_by_one(in_group: float) -> Choice:
        return Choice(costs, f"one by one they are faster, {costs.single:.1f} s instead of {in_group:.1f} s in a group")

    if costs.single < (in_group := min(costs.traced, costs.compiled)) and not must_fuse:
        return one_by_one(in_group)
    if not is_loaded and (must_compile or costs.compiled < costs.traced) and try_to_compile(program):
        compiled = seconds_of_step()
        if costs.single < (in_group := stacked * min(traced, compiled)) and not must_fuse:
            return one_by_one(in_group)
    if program.is_compiled and compiled > traced and not must_compile:
        program.trace()
    if program.is_compiled:
        rare = costs.traced / plan.steps_per_epoch * GAIN_OF_GROUP  # seconds that compiling the step of a last batch saves
        for other in programs.found.values():
            if must_compile or other.is_cached or rare > compiling_seconds():
                try_to_compile(other)
    return Choice(costs)


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
