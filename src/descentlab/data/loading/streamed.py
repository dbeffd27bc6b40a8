"""Data sets larger than memory: worker processes read the examples ahead of their use."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, Protocol, Unpack

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, default_collate

from descentlab.budget import Plan
from descentlab.config.types import Count, Whole
from descentlab.data.loading.loader import Batch, Part, StepLoader, seed_of
from descentlab.data.loading.tensors import EVAL_BATCH, Data, DataProperties

Key = tuple[int, list[int]]  # an epoch and the row numbers of a batch
REAPED = 5.0  # seconds until torch notices the death of a worker
Transfer = Callable[[Batch], Batch]


class Examples(Sized, Protocol):
    """A map-style data set: row number -> (inputs, targets) of one example, tensors or numbers."""

    def __getitem__(self, row: int, /) -> Any: ...


@dataclass(frozen=True)
class StreamedSplits:
    """Splits that are map-style data sets; `fingerprint` identifies their contents and serves as digest."""

    train: Examples
    valid: Examples
    test: Examples
    fingerprint: str
    target_scale: float = 1.0

    def sizes(self) -> dict[str, int]:
        return {"train": len(self.train), "valid": len(self.valid), "test": len(self.test)}

    def digest(self) -> str:
        return self.fingerprint


class Batches(Dataset[list[Tensor]]):
    """A data set of batches, by their keys. Random transforms of an example depend on the seed, the epoch and the row only."""

    def __init__(self, examples: Examples, seed: int) -> None:
        self.examples, self.seed = examples, seed

    def __getitem__(self, key: Key) -> list[Tensor]:
        epoch, rows = key
        before, found = torch.get_rng_state(), []
        for row in rows:
            torch.default_generator.manual_seed(seed_of(self.seed, epoch, row))
            found.append(self.examples[row])
        torch.set_rng_state(before)
        return default_collate(found)


class StreamedLoader(StepLoader):
    """Serve steps whose batches a DataLoader reads ahead, in order; a step out of order is read in this process.

    Args:
        examples: the training split.
        transfer: moves a batch to the training device, in its precision.
        reading: keyword arguments of DataLoader, such as num_workers.
        plan: see StepLoader.
        seed: see StepLoader.
        share: further positional arguments of StepLoader.
    """

    def __init__(
        self, examples: Examples, transfer: Transfer, reading: dict[str, Any], plan: Plan, seed: int, *share: Any
    ) -> None:
        super().__init__(len(examples), plan, seed, *share)
        self.batches, self.transfer, self.reading = Batches(examples, seed), transfer, reading
        self.due = self.step  # the next step of the stream
        self.last: tuple[int, list[Part]] = (-1, [])
        self.stream: Iterator[Any] | None = None

    def parts(self, step: int) -> list[Part]:
        if step == self.last[0]:
            return self.last[1]
        weights = [weight for _, weight in self.part_indices(step)]
        if step != self.due:
            found = [self.batches[key] for key in self._keys(step, step + 1)]
            return [Part(self.transfer(tuple(each)), weight) for each, weight in zip(found, weights, strict=True)]
        if self.stream is None:
            self.stream = iter(stream(self.batches, self._keys(step, self.plan.total or sys.maxsize), self.reading))
        parts = [Part(self.transfer(tuple(next_batch(self.stream))), weight) for weight in weights]
        self.due, self.last = step + 1, (step, parts)
        return parts

    def _keys(self, start: int, stop: int) -> Iterator[Key]:
        """Yield the key of each part of the steps from `start` to `stop`."""
        for step in range(start, stop):
            for rows, _ in self.part_indices(step):
                yield step // self.plan.steps_per_epoch, rows.tolist()


class StreamedEvalLoader:
    """Iterate over this process's share of `examples`, in order, in batches of `size` rows; empty at the end as in EvalLoader.

    For an empty batch one example is read and dropped, since only an example has the shapes.
    """

    def __init__(
        self, examples: Examples, transfer: Transfer, reading: dict[str, Any], size: int, rank: int, world: int
    ) -> None:
        own = range(rank, len(examples), world)
        starts = range(0, len(range(0, len(examples), world)), size)  # starts of the batches of the largest share
        self.shares = [list(own[start : start + size]) for start in starts]
        self.keys: list[Key] = [(0, share or [0]) for share in self.shares]
        self.transfer, self.loader = transfer, stream(Batches(examples, 0), self.keys, reading)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self.loader)
        return (tuple(part[: len(share)] for part in self.transfer(tuple(next_batch(batches)))) for share in self.shares)


def next_batch(batches: Iterator[Any]) -> Any:
    """Return the next batch. If a worker dies while sending it, torch reports that, not the broken connection."""
    try:
        return next(batches)
    except ConnectionError:
        time.sleep(REAPED)  # torch raises its error on SIGCHLD
        raise


def stream(batches: Batches, keys: Any, reading: dict[str, Any]) -> DataLoader[Any]:
    """Return a DataLoader over `keys` that leaves torch's default generator, which the model uses, untouched."""
    return DataLoader(batches, batch_size=None, sampler=keys, generator=torch.Generator(), **reading)


class StreamedData(Data[StreamedSplits]):
    """Base class of data sets that are read from disk during training, in the same order as TensorData.

    Args:
        workers: processes that read ahead; 0: the training process reads.
        pin_memory: use pinned memory for batches that are moved to a GPU.
        persistent_workers: keep the workers of the validation split between validations.
        eval_batch: examples in a batch of evaluation.
        properties: see DataProperties.
    """

    def __init__(
        self,
        workers: Whole = 0,
        pin_memory: bool = True,
        persistent_workers: bool = True,
        eval_batch: Count = EVAL_BATCH,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.workers, self.pin_memory, self.persistent, self.eval_batch = workers, pin_memory, persistent_workers, eval_batch

    def limited(self, splits: StreamedSplits, limit: int | None) -> StreamedSplits:
        if limit is None:
            return splits
        train, valid, test = (subset(each, range(limit)[: len(each)]) for each in (splits.train, splits.valid, splits.test))
        return StreamedSplits(train, valid, test, f"{splits.fingerprint}-{limit}", splits.target_scale)

    def inferred(self, splits: StreamedSplits) -> dict[str, Any]:
        first = splits.valid[0][0]  # validation has no random transform
        found: dict[str, Any] = {"num_features": first.numel()}
        return found | ({"image_shape": list(first.shape)} if "image_shape" in self.properties else {})

    def step_loader(self, plan: Plan, *share: Any) -> StreamedLoader:
        return StreamedLoader(self.splits.train, self._to_device, self._reading(), plan, *share)

    def eval_loader(self, split: Examples) -> StreamedEvalLoader:
        return StreamedEvalLoader(split, self._to_device, self._reading(), self.eval_batch, *self.placement.share)

    def _reading(self) -> dict[str, Any]:
        to_gpu = self.placement.device.type == "cuda"
        persistent = self.persistent and self.workers > 0
        return {"num_workers": self.workers, "pin_memory": self.pin_memory and to_gpu, "persistent_workers": persistent}


def subset(examples: Any, rows: Any) -> Examples:
    """Return the given `rows` of `examples`, in that order."""
    return Subset(examples, rows)
