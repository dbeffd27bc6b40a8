"""Loaders of training and evaluation batches. Their order depends only on the seed: all optimizers see the same batches."""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from descentlab.budget import Plan

Batch = tuple[Tensor, ...]
CHUNK_SECONDS = 0.05
MAX_CHUNK = 40
LONGEST_CHUNK_SECONDS = 5.0  # bounds the delay until a run stops
Order = tuple[int, int]  # the seed and the epoch that determine an order of rows
NO_ORDER: Order = (-1, -1)
DRAWS = 1  # distinguishes the seed of augmentations from that of an epoch's order
LOCKSTEP_CHUNK = 8


@dataclass(frozen=True)
class Part:
    """The examples of one forward and backward pass, and their weight in the step's mean loss.

    A step has one part of weight 1, unless a microbatch limits its size or several processes share it. A part of n examples
    of a global batch of N has weight n * world / N: the mean over processes of the weighted sums is the mean over the batch.
    """

    batch: Batch
    weight: float


class Chunk:
    """Consecutive steps. Iteration yields the parts of each step, which are gathered when they are requested."""

    def __init__(self, loader: StepLoader, first: int, size: int) -> None:
        self.loader, self.first, self.size = loader, first, size

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[list[Part]]:
        began = time.perf_counter()
        for step in range(self.first, self.first + self.size):
            yield self.loader.parts(step)
        self.loader.step_seconds = (time.perf_counter() - began) / self.size


class StepLoader:
    """Iterate over chunks of steps, from `step` up to the plan's next validation; the next iteration continues there.

    The order of an epoch depends on `seed` and the epoch only, so that a run can start at any step. The number of steps in a
    chunk is chosen by measured time and affects only the overhead; with several processes it is fixed, since they must agree.
    At the end of a chunk the host reads the losses and therefore waits for a GPU: with `log_every`, chunks end at steps that
    are measured, where the host waits anyway. Subclasses implement `parts`, which provides the examples.

    Args:
        rows: the number of rows of the training split.
        plan: the plan of the run's steps and validations.
        seed: seed of the order.
        microbatch: the largest number of examples in one part; None: unlimited.
        rank, world: the rank of this process and the number of processes, which share every batch.
        step: the first step.
    """

    def __init__(
        self,
        rows: int,
        plan: Plan,
        seed: int,
        microbatch: int | None = None,
        rank: int = 0,
        world: int = 1,
        step: int = 0,
    ) -> None:
        self.rows, self.plan, self.seed, self.microbatch = rows, plan, seed, microbatch
        self.rank, self.world = rank, world
        self.step = step
        self.chunk: int | None = None  # steps of a chunk; None: as many as the time allows
        self.log_every: int | None = None  # chunks end at steps divisible by it; None: at any step
        self.cut_every: int | None = None  # chunks also end at steps divisible by it
        self.shuffle = True  # False: each epoch has the order of the data
        self.step_seconds = CHUNK_SECONDS  # measured duration of a step in the last chunk, in seconds
        self.branch: Mapping[str, int] | None = None  # from its "step" on, batches have the order of its "data_seed"
        self.order_of: tuple[Order, Tensor] = (NO_ORDER, torch.empty(0))
        self.hashed = 0
        self.hash = hashlib.sha256()

    def with_seed(self, seed: int) -> Self:
        """Return a loader of the same examples in the order of another seed."""
        other = copy.copy(self)
        other.seed, other.order_of = seed, (NO_ORDER, torch.empty(0))
        other.hashed, other.hash = 0, hashlib.sha256()
        return other

    def __iter__(self) -> Iterator[Chunk]:
        end = self.plan.next_validation(self.step)
        while self.step < end:
            to_cut = end if self.cut_every is None else self.cut_every - self.step % self.cut_every
            chunk = Chunk(self, self.step, min(self._chunk_size(), end - self.step, to_cut))
            self.step += len(chunk)
            yield chunk

    def _chunk_size(self) -> int:
        if self.chunk is not None:
            return self.chunk
        size = LOCKSTEP_CHUNK if self.world > 1 else max(1, min(MAX_CHUNK, int(CHUNK_SECONDS / self.step_seconds)))
        if self.log_every is None:
            return size
        up_to_log_point = size + steps_to_log_point(self.step + size, self.log_every)
        longest = MAX_CHUNK if self.world > 1 else int(LONGEST_CHUNK_SECONDS / self.step_seconds)
        return min(up_to_log_point, max(size, longest))

    def parts(self, step: int) -> list[Part]:
        """Return this process's parts of the batch of `step`, on the training device."""
        raise NotImplementedError

    def part_indices(self, step: int) -> list[tuple[Tensor, float]]:
        """Return the row numbers and the weight of each of this process's parts of the batch of `step`.

        Processes with fewer parts than others are padded with parts of weight 0, since all must run as many backward passes.
        """
        return self._shares(self.indices(step))

    def _shares(self, indices: Tensor) -> list[tuple[Tensor, float]]:
        if self.world == 1 and not self.microbatch:
            return [(indices, 1.0)]
        own = indices[self.rank :: self.world]
        parts = own.split(self.microbatch) if self.microbatch else (own,)
        found = [(rows, len(rows) * self.world / len(indices)) for rows in parts if len(rows)]
        largest = math.ceil(len(indices) / self.world)  # share of any process
        missing = math.ceil(largest / (self.microbatch or largest)) - len(found)
        return found + [(indices[:1], 0.0)] * missing

    def indices(self, step: int) -> Tensor:
        """Return the row numbers of the global batch of `step`, shape (batch,)."""
        epoch, within = self._position(step)
        order = (self._seed_at(step), epoch)
        if self.order_of[0] != order:
            self.order_of = (order, self._order(*order))
        return self._rows_of_batch(self.order_of[1], within)

    def _seed_at(self, step: int) -> int:
        """Return the seed of the batch of `step`."""
        return self.seed if self.branch is None or step < self.branch["step"] else self.branch["data_seed"]

    def _position(self, step: int) -> tuple[int, int]:
        """Return the epoch of `step`, and the number of its batch in it. All full batches count as the first one."""
        return (0, 0) if self.plan.batch_size == self.rows else divmod(step, self.plan.steps_per_epoch)

    def _order(self, seed: int, epoch: int) -> Tensor:
        """Return the order of the rows in `epoch`. A full batch keeps that of the data."""
        in_order = self.plan.batch_size == self.rows or not self.shuffle
        return torch.arange(self.rows) if in_order else torch.randperm(self.rows, generator=generator(seed, epoch))

    def _rows_of_batch(self, order: Tensor, within: int) -> Tensor:
        start = within * self.plan.batch_size
        return order[start : min(start + self.plan.batch_size, self.plan.rows)]

    def digest(self, step: int) -> str:
        """Return a hash of the row numbers of all batches before `step`; equal hashes mean equal batches."""
        while self.hashed < step:
            self.hash.update(self.indices(self.hashed).numpy().tobytes())
            self.hashed += 1
        return self.hash.hexdigest()[:16]


def steps_to_log_point(count: int, every: int) -> int:
    """Return the number of further steps after `count` until the last step is one that is measured, whose losses are read."""
    return -(count - 1) % every


def generator(*seeds: int) -> torch.Generator:
    """Return a new generator seeded by `seeds`."""
    return torch.Generator().manual_seed(seed_of(*seeds))


def seed_of(*seeds: int) -> int:
    """Return a seed of 63 bits that depends on each of `seeds`."""
    return int(np.random.SeedSequence(seeds).generate_state(1, np.uint64)[0] >> np.uint64(1))


def upload(tensor: Tensor, device: torch.device) -> Tensor:
    """Return `tensor` on `device`. The host does not wait for a copy to a GPU, which is made from pinned memory."""
    if tensor.device == device:
        return tensor
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)


class Augment(Protocol):
    """A transform of inputs (batch, ...), determined by `numbers` (batch, `draws`), uniform in [0, 1); it draws none itself."""

    draws: int

    def __call__(self, inputs: Tensor, numbers: Tensor) -> Tensor: ...


class TrainLoader(StepLoader):
    """Serve steps from tensors in memory.

    Args:
        tensors: each of shape (rows, ...), on the training device.
        augment: transforms the inputs. Its numbers depend on the seed, the step and the position in the global batch, so that
            they are the same for every optimizer and any number of processes, and a run can start at any step.
    """

    def __init__(self, tensors: Batch, plan: Plan, seed: int, *share: Any, augment: Augment | None = None, **more: Any) -> None:
        super().__init__(len(tensors[0]), plan, seed, *share, **more)
        self.tensors, self.augment = tensors, augment
        self.device = tensors[0].device
        self.order_on_device: tuple[Order, Tensor] = (NO_ORDER, torch.empty(0))

    def with_seed(self, seed: int) -> Self:
        other = super().with_seed(seed)
        other.order_on_device = (NO_ORDER, torch.empty(0))
        return other

    def parts(self, step: int) -> list[Part]:
        parts = [Part(self.gather(rows), weight) for rows, weight in self._shares(self._indices_on_device(step))]
        return parts if self.augment is None else self._augmented(step, parts, self.augment)

    def _indices_on_device(self, step: int) -> Tensor:
        """Return `indices(step)` on the device of the tensors, to which the order of an epoch is copied once."""
        if self.device.type == "cpu":
            return self.indices(step)
        epoch, within = self._position(step)
        order = (self._seed_at(step), epoch)
        if self.order_on_device[0] != order:
            self.order_on_device = (order, upload(self._order(*order), self.device))
        return self._rows_of_batch(self.order_on_device[1], within)

    def _augmented(self, step: int, parts: list[Part], augment: Augment) -> list[Part]:
        size = len(self.indices(step))
        numbers = torch.rand(size, augment.draws, generator=generator(self._seed_at(step), step, DRAWS))
        own = numbers[self.rank :: self.world].split([len(part.batch[0]) for part in parts if part.weight])
        own = (*own, *(numbers[:1] for part in parts if not part.weight))
        return [
            replace(part, batch=(augment(part.batch[0], upload(each, self.device)), *part.batch[1:]))
            for part, each in zip(parts, own, strict=True)
        ]

    def gather(self, indices: Tensor) -> Batch:
        """Return the examples with these row numbers; all examples, without a copy, if there are as many."""
        if len(indices) == len(self.tensors[0]):
            return self.tensors
        indices = upload(indices, self.device)
        return tuple(tensor.index_select(0, indices) for tensor in self.tensors)


class EvalLoader:
    """Iterate over this process's share of `tensors`, in order, in batches of `batch_size` rows.

    All processes have the same number of batches, since evaluation is collective: a process with a smaller share may end
    with an empty batch.
    """

    def __init__(self, tensors: Batch, batch_size: int, rank: int = 0, world: int = 1) -> None:
        self.tensors = tuple(tensor[rank::world] for tensor in tensors)
        self.batch_size = batch_size
        self.batches = -(-len(tensors[0]) // (world * batch_size))  # number of batches of the largest share

    def __len__(self) -> int:
        return self.batches

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, self.batches * self.batch_size, self.batch_size):
            yield tuple(tensor[start : start + self.batch_size] for tensor in self.tensors)
