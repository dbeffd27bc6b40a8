"""Arrange the members of a group in blocks: which runs share a block, and how many slots it has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from torch import Tensor

from descentlab.optim.programs.program import Programs, tensors_of
from descentlab.training.fused.block import Block, size_of_blocks
from descentlab.training.fused.member import Member

SEVERAL = 8  # members of one data_seed from which they share a block, whatever the size of a batch


def arrange(members: Sequence[Member]) -> list[Block]:
    """Return the blocks of a group, which have the same number of slots and share their programs.

    The runs of a block take the same batch if the runs of each data_seed fill blocks by themselves, or if a batch is larger
    than the weights of a run, so that reading it is the larger part of a step. Otherwise each run of a block takes the batch of
    its data_seed.
    """
    step = members[0].step.step
    state = step.state_of(members[0].task.model)
    batch = members[0].loader.parts(0)[0].batch
    by_seed: dict[int, list[Member]] = defaultdict(list)
    for member in members:
        is_whole = member.plan.batch_size == member.loader.rows
        by_seed[0 if is_whole else member.job.core.data_seed].append(member)
    fewest = min(map(len, by_seed.values()))
    is_large = _bytes(batch) > _bytes(state.weights)
    batch_is_shared = fewest >= SEVERAL or (is_large and fewest > 1)
    sets = list(by_seed.values()) if batch_is_shared else [list(members)]
    size = size_of_blocks(max(map(len, sets)), _bytes(tensors_of(state)))
    programs = Programs(step, size, batch_is_shared)
    cut = [some[first : first + size] for some in sets for first in range(0, len(some), size)]
    return [Block(own, programs) for own in cut]


def _bytes(tensors: Sequence[Tensor]) -> int:
    return sum(tensor.nbytes for tensor in tensors)
