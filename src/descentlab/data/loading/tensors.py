"""A data set: split once by a fixed seed; served as tensors where it fits in memory (streamed.py: where it does not)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypedDict, TypeVar, Unpack

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.budget import Plan
from descentlab.data.loading.limits import check_classes_kept, rows_of_every_class
from descentlab.data.loading.loader import Augment, Batch, EvalLoader, StepLoader, TrainLoader
from descentlab.data.loading.tables.scaling import standardised

EVAL_BATCH = 1000
DIGEST_NUMBERS, DIGEST_PIECES = 1_000_000, 300  # hashed at a time, and how many times: there may be more than fit into memory


@dataclass(frozen=True)
class Splits:
    """Each split is a tuple of tensors with as many rows as examples: inputs first, then targets if there are any.

    `target_scale` times a standardised target is the target in its own unit.
    """

    train: Batch
    valid: Batch
    test: Batch
    target_scale: float = 1.0

    def sizes(self) -> dict[str, int]:
        return {"train": len(self.train[0]), "valid": len(self.valid[0]), "test": len(self.test[0])}

    def digest(self) -> str:
        """A hash of all numbers of all splits, in order, and of the target's unit; of numbers that rows share (windows), once.

        Of a tensor of more than 300 million numbers (a corpus on disk) it sees so many, evenly spaced, and the shape.
        """
        total = hashlib.sha256()
        if self.target_scale != 1:
            total.update(repr(self.target_scale).encode())
        for tensor in (*self.train, *self.valid, *self.test):
            shared = tensor.dim() == 2 and tensor.stride(1) == 1 and tensor.stride(0) < tensor.shape[1]
            numbers = spanned(tensor) if shared else tensor
            pieces = numbers.split(max(1, DIGEST_NUMBERS // max(1, numbers[:1].numel())))
            if shared or len(pieces) > DIGEST_PIECES:
                total.update(repr((tensor.shape, tensor.stride())).encode())
            for piece in pieces[:: math.ceil(len(pieces) / DIGEST_PIECES)]:
                total.update(piece.contiguous().numpy().tobytes())
        return total.hexdigest()


class Facts(TypedDict, total=False):
    """What a data set's config says about it, for other groups to take their shapes from; checked against the data."""

    num_features: int
    num_outputs: int
    image_shape: Sequence[int]  # channels, height, width
    num_classes: int
    class_names: Sequence[str]
    positive: str
    unit: str
    cardinalities: Sequence[int] | None  # of coded categories, code 0 included
    peak: float  # the largest value of a pixel less the smallest
    vocabulary: int | None  # the number of token ids
    num_users: int
    num_items: int
    output: str  # last or every: after which steps of a sequence there is something to predict
    drop_last: bool
    limit: int | None


class AnySplits(Protocol):
    """What a run asks of splits, whatever holds their examples."""

    @property
    def target_scale(self) -> float: ...
    @property
    def train(self) -> Any: ...
    @property
    def valid(self) -> Any: ...
    @property
    def test(self) -> Any: ...
    def sizes(self) -> dict[str, int]: ...
    def digest(self) -> str: ...


S = TypeVar("S", bound=AnySplits)


class Data(L.LightningDataModule, Generic[S]):
    """What a run asks of its data. Subclasses load splits and say how they are served.

    `columns` and `warnings` are known once `splits` has been read: for each column of a table its "name", "read_as" (number,
    category, target, group, dropped or split) and "detail", a short phrase; and sentences to be shown before training.

    Args:
        facts: see Facts. `limit` keeps that many training examples, for a quick look, and at most as many of valid and
            test; of a table or an image folder with classes, each class in its proportion. `drop_last` leaves out a
            last batch that is smaller than the others.
    """

    in_memory: ClassVar[bool] = False

    def __init__(self, **facts: Unpack[Facts]) -> None:
        super().__init__()
        unknown = set(facts) - set(Facts.__annotations__)
        if unknown:
            raise TypeError(f"{type(self).__name__} does not take {', '.join(sorted(unknown))}")
        self.facts = facts
        self._splits: S | None = None
        self.plan: Plan | None = None
        self.start = 0  # the first step to be served
        self.chunk: int | None = None  # steps of a chunk; None: as many as the time allows
        self.columns: list[dict[str, str]] = []
        self.warnings: list[str] = []

    def load(self) -> S:
        raise NotImplementedError

    def limited(self, splits: S, limit: int | None) -> S:
        """`splits` with at most `limit` examples each."""
        raise NotImplementedError

    def check_limit(self, limit: int, before: S, after: S) -> None:
        """Check what data.limit leaves out, after it was applied; subclasses append to `warnings` or raise a DataError.

        Args:
            limit: data.limit.
            before: the splits without it.
            after: the splits with it.
        """

    @property
    def splits(self) -> S:
        if self._splits is None:
            loaded = self.load()
            self._check(loaded)
            limit = self.facts.get("limit")
            self._splits = self.limited(loaded, limit)
            if limit is not None:
                self.check_limit(limit, loaded, self._splits)
        return self._splits

    @property
    def drop_last(self) -> bool:
        return self.facts.get("drop_last", False)

    def _check(self, splits: S) -> None:
        """Hold the config's facts against the data."""
        empty = [name for name, rows in splits.sizes().items() if rows == 0]
        if empty:
            raise ValueError(f"{type(self).__name__}: no examples for {' and '.join(empty)}; ask for larger fractions")
        for key, value in self.found(splits).items():
            said = self.facts.get(key)
            if said is not None and (list(said) if isinstance(said, Sequence) else said) != value:
                raise ValueError(
                    f"data.{key} is {said} in the config, but {type(self).__name__} has {value}; null: read off the data"
                )

    def found(self, splits: S) -> dict[str, Any]:
        """What the data show of the facts that a config states."""
        raise NotImplementedError

    def fill(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """`node` with what it leaves open (null) read off the data: a table's number of columns, say."""
        found = self.found(self.splits) if None in node.values() else {}
        return {key: found.get(key) if value is None else value for key, value in node.items()}

    def serve(self, plan: Plan, seed: int, microbatch: int | None) -> None:
        """Say how the training batches are to be cut and ordered, before a trainer asks for them."""
        self.plan, self.seed, self.microbatch = plan, seed, microbatch

    def train_dataloader(self) -> StepLoader:
        assert self.plan is not None, "serve(plan, ...) comes first"
        assert self.trainer is not None
        self.loader = self.stepping(self.plan, self.seed, self.microbatch, *self._share(), self.start)
        self.loader.chunk = self.chunk
        return self.loader

    def stepping(self, plan: Plan, *share: Any) -> StepLoader:
        """What serves the training split; `share` as StepLoader takes it: seed, microbatch, rank, world, step."""
        raise NotImplementedError

    def val_dataloader(self) -> Iterable[Batch]:
        return self.evaluated(self.splits.valid)

    def test_dataloader(self) -> Iterable[Batch]:
        return self.evaluated(self.splits.test)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch  # the loaders serve what is there already

    def evaluated(self, split: Any) -> Iterable[Batch]:
        """This process's share of `split`, in order, on the device that trains and in its precision."""
        raise NotImplementedError

    def _share(self) -> tuple[int, int]:
        """This process's rank and how many there are."""
        assert self.trainer is not None
        return self.trainer.global_rank, self.trainer.world_size

    def _placed(self, split: Batch) -> Batch:
        """`split` on the device that trains, in its precision."""
        assert self.trainer is not None
        converted = self.trainer.precision_plugin.convert_input(split)
        return tuple(tensor.to(self.trainer.strategy.root_device) for tensor in converted)


class TensorData(Data[Splits]):
    """Serves the splits that a subclass's `load` returns from memory; `augment` changes the training batches.

    `classes` are the names of the codes in the second tensor, where data.limit must keep a row of each class.
    """

    in_memory = True
    augment: Augment | None = None
    classes: Sequence[str] = ()

    def limited(self, splits: Splits, limit: int | None) -> Splits:
        if limit is None:
            return splits
        train, valid, test = (self._first(part, limit) for part in (splits.train, splits.valid, splits.test))
        return Splits(train, valid, test, splits.target_scale)

    def _first(self, part: tuple[Tensor, ...], limit: int) -> tuple[Tensor, ...]:
        rows = rows_of_every_class(part[1], limit) if self.classes else slice(limit)
        return tuple(tensor[rows] for tensor in part)

    def check_limit(self, limit: int, before: Splits, after: Splits) -> None:
        """Raises: DataError: train lacks a class after data.limit."""
        if self.classes:
            check_classes_kept(limit, before.train[1], after.train[1], self.classes)

    def found(self, splits: Splits) -> dict[str, Any]:
        found: dict[str, Any] = {"num_features": splits.train[0][0].numel()}
        if "image_shape" in self.facts:
            found["image_shape"] = list(splits.train[0].shape[1:])
        if "num_classes" in self.facts:
            found["num_classes"] = int(splits.train[1].max()) + 1
        if "peak" in self.facts:
            found["peak"] = float(splits.train[0].max() - splits.train[0].min())
        return found

    def stepping(self, plan: Plan, *share: Any) -> TrainLoader:
        return TrainLoader(self._placed(self.splits.train), plan, *share, augment=self.augment)

    def evaluated(self, split: Batch) -> EvalLoader:
        return EvalLoader(self._placed(split), EVAL_BATCH, *self._share())


def spanned(rows: Tensor) -> Tensor:
    """The stretch of memory, one-dimensional, that the overlapping or adjoining `rows` (rows, width) lie in."""
    return rows.as_strided(((len(rows) - 1) * rows.stride(0) + rows.shape[1],), (1,))


def three_way(rows: int, test_fraction: float, valid_fraction: float, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Row numbers of train, valid and test: disjoint, shuffled, the same for the same seed.

    Args:
        test_fraction: of all rows.
        valid_fraction: of the rows that are not test.
    """
    order = np.random.default_rng(seed).permutation(rows)
    tests = round(rows * test_fraction)
    valids = round((rows - tests) * valid_fraction)
    return order[tests + valids :], order[tests : tests + valids], order[:tests]


def standardise(train: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Return `train` and `others` standardised by the columns' mean and deviation in `train`, as 32-bit floats.

    Computed in 64 bits without loss to large offsets. A column that is constant in `train` becomes 0 in every part.
    """
    parts, _ = standardised(*(each.double().numpy() for each in (train, *others)))
    return tuple(tensor(part) for part in parts)


class Embedded(TensorData):
    """A set that scikit-learn ships: no published split, so test and valid are cut by a seed of their own.

    Args:
        test_fraction: of all rows.
        valid_fraction: of the rows that are not test.
        split_seed: the same for every run, whatever its seed.
    """

    def __init__(self, test_fraction: float, valid_fraction: float, split_seed: int = 0, **facts: Unpack[Facts]) -> None:
        super().__init__(**facts)
        self.fractions = (test_fraction, valid_fraction, split_seed)

    def cut(self, *columns: NDArray[Any]) -> tuple[Batch, ...]:
        """Train, valid and test, each with its rows of every column: floats as float32, integers as int64."""
        parts = three_way(len(columns[0]), *self.fractions)
        return tuple(tuple(tensor(column[rows]) for column in columns) for rows in parts)


def tensor(array: NDArray[Any]) -> Tensor:
    """`array` as a tensor: 32-bit floats or 64-bit integers."""
    return torch.as_tensor(array).to(torch.float32 if np.issubdtype(array.dtype, np.floating) else torch.int64)
