"""A block: a fixed number of runs whose tensors are stacked, and the programs that take a step of all of them."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.data.loading.loader import Batch, TrainLoader
from descentlab.diagnostics.measuring.probes import COPIES, REPLAY
from descentlab.diagnostics.measuring.tiers import Tier
from descentlab.optim.programs.program import Programs, stack, tensors_of, with_tensors
from descentlab.optim.programs.step import RunState
from descentlab.training.fused.member import Member
from descentlab.training.fused.probing import Probing, StackedNumbers
from descentlab.training.fused.tracing import Start

SIZES = (2, 3, 4, 6, 8, 12, 16, 24, 32)  # numbers of slots; larger blocks are not faster
CALL = 2  # cost of the step of a block besides that of its runs, as a number of runs
BYTES = 2**26  # of the weights and states of a block; larger blocks are not faster either, since no cache holds them


def size_of_blocks(members: int, bytes_of_run: int) -> int:
    """Return the number of slots of each block of a group, one of SIZES, so that few programs serve groups of any size.

    Args:
        members: runs of the group that may share a block.
        bytes_of_run: size of the weights and the state of one run.
    """
    most = max(SIZES[0], BYTES // max(1, bytes_of_run))
    sizes = [size for size in SIZES if size <= most]
    return min(sizes, key=lambda size: -(-members // size) * (size + CALL))


@dataclass
class StackedSteps:
    """A chunk of steps of a block.

    Args:
        losses: before the updates, shape (steps, runs).
        measured: step -> numbers by name, each of shape (runs,), at each row of the curves.
        probed: step -> what light probes measured.
        seconds: spent on measurements, by probe, and on copies.
    """

    losses: Tensor
    measured: dict[int, dict[str, Tensor]]
    probed: dict[int, StackedNumbers]
    seconds: dict[str, float]


class Block:
    """Up to `size` members, each in a fixed slot; slots without a member repeat the first one.

    A member keeps its slot from its first to its last step, so that the end of one run changes no bit of another.

    Args:
        members: of the block.
        programs: of the group; they determine the number of slots.

    Attributes:
        starts: the starts of the last two chunks.
    """

    def __init__(self, members: Sequence[Member], programs: Programs) -> None:
        self.members, self.size, self.programs = members, programs.size, programs
        slots = [*members, *[members[0]] * (self.size - len(members))]
        self.state = stack([programs.step.state_of(member.task.model) for member in slots])
        self.tensors = tensors_of(self.state)
        self.owners = slots
        self.starts: list[Start] = []
        self.seconds: dict[str, float] = defaultdict(float)  # of measurements in the current chunk
        self.tables: dict[Member, NDArray[np.float64]] = {}  # of the last chunk: the numbers at each of its steps
        for slot, member in enumerate(members):
            member.block, member.slot = self, slot
            member.step.link(with_tensors(self.state, [tensor[slot] for tensor in self.tensors]))

    @property
    def is_active(self) -> bool:
        return any(member.is_active for member in self.members)

    def steps(self, first: int, count: int, probing: Probing, due: Mapping[int, Sequence[Tier]]) -> StackedSteps:
        """Take `count` steps from step `first` on.

        Args:
            probing: measures the light probes of the group.
            due: step -> the tiers of light probes that are measured at it.
        """
        self.tables = tables = {member: member.numbers.table(first, count) for member in self.members}
        table = torch.stack([torch.from_numpy(tables[member]) for member in self.owners], dim=1).to(self.tensors[0].device)
        self.seconds = defaultdict(float)
        self._keep_start(first, table)
        every = self.members[0].task.measure_every
        losses: list[Tensor] = []
        measured: dict[int, dict[str, Tensor]] = {}
        probed: dict[int, StackedNumbers] = {}
        for step, numbers, batch in zip(range(first, first + count), table.unbind(), self.batches(first, count), strict=True):
            program = self.programs.program(self.state, numbers, batch)
            before = self._copy_weights() if step in due else None
            loss, values = program(self.tensors, numbers, batch)
            losses.append(loss)
            if step % every == 0:
                measured[step] = values
            if before is not None:
                probed[step] = probing.measure(self, due[step], step, before, numbers, batch)
        return StackedSteps(torch.stack(losses), measured, probed, dict(self.seconds))

    def spend(self, name: str, seconds: float) -> None:
        """Add to the seconds of measurements of the current chunk."""
        self.seconds[name] += seconds

    def _keep_start(self, first: int, numbers: Tensor) -> None:
        """Copy the tensors, from which the steps of the chunk can be repeated, unless the runs have no probes."""
        if not self.members[0].probes.probes:
            return
        began = time.perf_counter()
        self.starts = [*self.starts[-1:], Start(first, [tensor.clone() for tensor in self.tensors], numbers)]
        self.spend(REPLAY, time.perf_counter() - began)

    def _copy_weights(self) -> RunState:
        """Return copies of the weights and the buffers."""
        began = time.perf_counter()
        buffers = {name: buffer.clone() for name, buffer in self.state.buffers.items()}
        copies = RunState([weight.clone() for weight in self.state.weights], buffers, [], [])
        self.spend(COPIES, time.perf_counter() - began)
        return copies

    def batches(self, first: int, count: int) -> Iterator[Batch]:
        """Yield the batches of `count` steps from step `first` on: one for all slots, or the stacked batches of each."""
        loader, steps = self.members[0].loader, range(first, first + count)
        if self.programs.batch_is_shared:
            yield from (loader.parts(step)[0].batch for step in steps)
        elif isinstance(loader, TrainLoader):
            found = {each: [each.indices(step) for step in steps] for each in {owner.loader for owner in self.owners}}
            for place in range(count):
                rows = torch.stack([found[owner.loader][place] for owner in self.owners])
                yield tuple(part.view(*rows.shape, *part.shape[1:]) for part in loader.gather(rows.flatten()))
        else:
            for step in steps:
                own = {each: each.parts(step)[0].batch for each in {owner.loader for owner in self.owners}}
                parts = [own[owner.loader] for owner in self.owners]
                yield tuple(torch.stack(tensors) for tensors in zip(*parts, strict=True))
