"""The first tensor of a member of a fused group that was not finite: the last steps of its block are repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from descentlab.data.loading.loader import Batch, Part
from descentlab.diagnostics.measuring.nonfinite import Place, Search, bad_update, is_finite
from descentlab.optim.programs.program import training_mode, with_tensors
from descentlab.tasks.measurement import not_located

if TYPE_CHECKING:
    from descentlab.training.fused.member import Member


class Start(NamedTuple):
    """What determines the steps of a chunk of a block, except for the batches.

    Args:
        first: its first step.
        tensors: copies of the tensors of the block before it.
        numbers: the values of the columns at each step, shape (steps, runs, columns).
    """

    first: int
    tensors: list[Tensor]
    numbers: Tensor


def first_nonfinite(member: Member, last: int) -> dict[str, Any] | None:
    """Return step, layer and tensor of a member's first value that was not finite up to the step `last`; None if all were.

    Other members, and the state of the block, do not change.
    """
    block, slot = member.block, member.slot
    names = member.step.step.names
    usable = [start for start in block.starts if is_finite([tensor[slot] for tensor in start.tensors[: len(names)]])]
    if not usable:
        not_finite = "the steps were not repeated: the weights were not finite at the start of the last two chunks"
        reason = not_finite if block.starts else "the run has no probes"
        return not_located(last, reason)
    tensors = [tensor.clone() for tensor in usable[-1].tensors]
    for start in block.starts[block.starts.index(usable[-1]) :]:
        for step, numbers in enumerate(start.numbers[: last + 1 - start.first], start.first):
            batch = next(block.batches(step, 1))
            before = [tensor[slot].clone() for tensor in tensors]
            loss, _ = block.programs.program(block.state, numbers, batch)(tensors, numbers, batch)
            weights = dict(zip(names, before[: len(names)], strict=True))
            update = bad_update(weights, dict(zip(names, (tensor[slot] for tensor in tensors[: len(names)]), strict=True)))
            if update is not None or not bool(loss[slot].isfinite()):
                return (_search(member, before, numbers[slot], batch) or update or Place(None, "loss")).at(step)
    return None


def _search(member: Member, before: list[Tensor], numbers: Tensor, batch: Batch) -> Place | None:
    """Return the first place of an evaluation of a member's gradient that is not finite; None if all are finite."""
    block, step = member.block, member.step.step
    state = with_tensors(block.state, before)
    own = batch if block.programs.batch_is_shared else tuple(part[member.slot] for part in batch)
    search = Search(step.model, step.loss, dict(zip(step.names, state.weights, strict=True)), state.buffers)
    with training_mode(step.model), step.noise(numbers), sdpa_kernel(SDPBackend.MATH), torch.enable_grad():
        return search([Part(own, 1.0)])
