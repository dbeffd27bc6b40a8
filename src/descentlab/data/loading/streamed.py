"""A data set that does not fit in memory: its examples are read when they are needed, by other processes ahead of time."""

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
from descentlab.data.loading.loader import Batch, Part, StepLoader, seed_of
from descentlab.data.loading.tensors import EVAL_BATCH, Data, Facts

Key = tuple[int, list[int]]  # an epoch and the rows of a batch
REAPED = 5.0  # seconds until a process that died is known to have
Place = Callable[[Batch], Batch]


class Examples(Sized, Protocol):
    """A map-style data set: row -> a tuple of one example's inputs and targets, tensors or numbers."""

    def __getitem__(self, row: int, /) -> Any: ...


@dataclass(frozen=True)
class StreamedSplits:
    """Each split is a map-style data set; `fingerprint` stands for what is in all of them."""

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
    """The batches of `examples`, by their keys. A random transform of an example follows the seed, the epoch and the row."""

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
    """Steps whose batches a DataLoader reads ahead, in order; a step out of order is read here and now.

    Args:
        examples: of the training split.
        place: brings a batch to the device that trains, in its precision.
        reading: num_workers and the like, as DataLoader takes them.
        share: see StepLoader.
    """

    def __init__(self, examples: Examples, place: Place, reading: dict[str, Any], plan: Plan, seed: int, *share: Any) -> None:
        super().__init__(len(examples), plan, seed, *share)
        self.batches, self.place, self.reading = Batches(examples, seed), place, reading
        self.due = self.step  # the step whose parts the stream gives next
        self.last: tuple[int, list[Part]] = (-1, [])
        self.stream: Iterator[Any] | None = None

    def parts(self, step: int) -> list[Part]:
        if step == self.last[0]:
            return self.last[1]
        weights = [weight for _, weight in self.pieces(step)]
        if step != self.due:
            found = [self.batches[key] for key in self._keys(step, step + 1)]
            return [Part(self.place(tuple(each)), weight) for each, weight in zip(found, weights, strict=True)]
        if self.stream is None:
            self.stream = iter(stream(self.batches, self._keys(step, self.plan.total or sys.maxsize), self.reading))
        parts = [Part(self.place(tuple(following(self.stream))), weight) for weight in weights]
        self.due, self.last = step + 1, (step, parts)
        return parts

    def _keys(self, start: int, stop: int) -> Iterator[Key]:
        """The key of each part of the steps from `start` to `stop`."""
        for step in range(start, stop):
            for rows, _ in self.pieces(step):
                yield step // self.plan.steps_per_epoch, rows.tolist()


class StreamedEvalLoader:
    """This process's share of `examples`, in order, `size` rows at a time; as EvalLoader, with batches of no rows at the end.

    Such a batch is made of an example that is read and left out: a reader cannot know the shape of nothing.
    """

    def __init__(self, examples: Examples, place: Place, reading: dict[str, Any], size: int, rank: int, world: int) -> None:
        own = range(rank, len(examples), world)
        starts = range(0, len(range(0, len(examples), world)), size)  # of the largest share
        self.shares = [list(own[start : start + size]) for start in starts]
        self.keys: list[Key] = [(0, share or [0]) for share in self.shares]
        self.place, self.loader = place, stream(Batches(examples, 0), self.keys, reading)

    def __len__(self) -> int:
        return len(self.keys)

    def __iter__(self) -> Iterator[Batch]:
        batches = iter(self.loader)
        return (tuple(part[: len(share)] for part in self.place(tuple(following(batches)))) for share in self.shares)


def following(batches: Iterator[Any]) -> Any:
    """The next batch. Where a worker dies while it hands one over, its death is what is said, not the broken connection."""
    try:
        return next(batches)
    except ConnectionError:
        time.sleep(REAPED)  # torch raises when the signal of its death arrives
        raise


def stream(batches: Batches, keys: Any, reading: dict[str, Any]) -> DataLoader[Any]:
    """A DataLoader over `keys` that draws nothing from the generator that the model draws from."""
    return DataLoader(batches, batch_size=None, sampler=keys, generator=torch.Generator(), **reading)


class StreamedData(Data[StreamedSplits]):
    """Serves the map-style data sets that a subclass's `load` returns, in the very order of TensorData.

    Args:
        workers: processes that read ahead; 0: the training process itself reads.
        pin_memory: of batches on their way to a GPU.
        persistent_workers: keep those of the validation split between validations.
        eval_batch: examples of a validation batch.
        facts: see Facts.
    """

    def __init__(
        self,
        workers: int = 0,
        pin_memory: bool = True,
        persistent_workers: bool = True,
        eval_batch: int = EVAL_BATCH,
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(**facts)
        self.workers, self.pin_memory, self.persistent, self.eval_batch = workers, pin_memory, persistent_workers, eval_batch

    def limited(self, splits: StreamedSplits, limit: int | None) -> StreamedSplits:
        if limit is None:
            return splits
        train, valid, test = (subset(each, range(limit)[: len(each)]) for each in (splits.train, splits.valid, splits.test))
        return StreamedSplits(train, valid, test, f"{splits.fingerprint}-{limit}", splits.target_scale)

    def inferred(self, splits: StreamedSplits) -> dict[str, Any]:
        first = splits.valid[0][0]  # nothing is drawn for it
        found: dict[str, Any] = {"num_features": first.numel()}
        return found | ({"image_shape": list(first.shape)} if "image_shape" in self.facts else {})

    def step_loader(self, plan: Plan, *share: Any) -> StreamedLoader:
        return StreamedLoader(self.splits.train, self._to_device, self._reading(), plan, *share)

    def eval_loader(self, split: Examples) -> StreamedEvalLoader:
        return StreamedEvalLoader(split, self._to_device, self._reading(), self.eval_batch, *self._share())

    def _reading(self) -> dict[str, Any]:
        assert self.trainer is not None
        to_gpu = self.trainer.strategy.root_device.type == "cuda"
        persistent = self.persistent and self.workers > 0
        return {"num_workers": self.workers, "pin_memory": self.pin_memory and to_gpu, "persistent_workers": persistent}


def subset(examples: Any, rows: Any) -> Examples:
    """Those `rows` of `examples`, in their order."""
    return Subset(examples, rows)
