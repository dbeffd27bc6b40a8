"""A data set that fits in memory: split once by a fixed seed, served as tensors."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import lightning as L
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.budget import Plan
from descentlab.data.loader import Batch, EvalLoader, TrainLoader

EVAL_BATCH = 1000


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
        """A hash of every number in every split, in order."""
        total = hashlib.sha256()
        for tensor in (*self.train, *self.valid, *self.test):
            total.update(tensor.contiguous().numpy().tobytes())
        return total.hexdigest()


class Facts(TypedDict, total=False):
    """What a data set's config says about it, for other groups to take their shapes from; checked against the data."""

    num_features: int
    num_outputs: int
    image_shape: Sequence[int]  # channels, height, width
    num_classes: int
    positive: str
    unit: str
    drop_last: bool
    limit: int | None


class TensorData(L.LightningDataModule):
    """Serves the splits that a subclass's `load` returns.

    Args:
        facts: see Facts. `limit` keeps only so many training examples (for a quick look) and cuts valid and test to as
            many; `drop_last` leaves a last batch out that is smaller than the others.
    """

    def __init__(self, **facts: Unpack[Facts]) -> None:
        super().__init__()
        unknown = set(facts) - set(Facts.__annotations__)
        if unknown:
            raise TypeError(f"{type(self).__name__} does not take {', '.join(sorted(unknown))}")
        self.facts = facts
        self._splits: Splits | None = None
        self.plan: Plan | None = None
        self.start = 0  # the first step to be served

    def load(self) -> Splits:
        raise NotImplementedError

    @property
    def splits(self) -> Splits:
        if self._splits is None:
            loaded = self.load()
            self._check(loaded)
            cut = slice(self.facts.get("limit"))
            train, valid, test = (tuple(t[cut] for t in part) for part in (loaded.train, loaded.valid, loaded.test))
            self._splits = Splits(train, valid, test, loaded.target_scale)
        return self._splits

    @property
    def drop_last(self) -> bool:
        return self.facts.get("drop_last", False)

    def _check(self, splits: Splits) -> None:
        """Hold the config's facts against the data."""
        empty = [name for name, rows in splits.sizes().items() if rows == 0]
        if empty:
            raise ValueError(f"{type(self).__name__}: no examples for {' and '.join(empty)}; ask for larger fractions")
        for key, value in self.found(splits).items():
            said = self.facts.get(key)
            if said is not None and (list(said) if isinstance(said, Sequence) else said) != value:
                raise ValueError(f"data.{key} is {said} in the config, but {type(self).__name__} has {value}")

    def found(self, splits: Splits) -> dict[str, Any]:
        """What the data show of the facts that a config states."""
        found: dict[str, Any] = {"num_features": splits.train[0][0].numel()}
        if "image_shape" in self.facts:
            found["image_shape"] = list(splits.train[0].shape[1:])
        if "num_classes" in self.facts:
            found["num_classes"] = int(splits.train[1].max()) + 1
        return found

    def serve(self, plan: Plan, seed: int, microbatch: int | None) -> None:
        """Say how the training batches are to be cut and ordered, before a trainer asks for them."""
        self.plan, self.seed, self.microbatch = plan, seed, microbatch

    def train_dataloader(self) -> TrainLoader:
        assert self.plan is not None, "serve(plan, ...) comes first"
        assert self.trainer is not None
        rank, world = self.trainer.global_rank, self.trainer.world_size
        train = self._placed(self.splits.train)
        self.loader = TrainLoader(train, self.plan, self.seed, self.microbatch, rank, world, self.start)
        return self.loader

    def val_dataloader(self) -> EvalLoader:
        return self.evaluated(self.splits.valid)

    def test_dataloader(self) -> EvalLoader:
        return self.evaluated(self.splits.test)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch  # the loaders serve what is there already

    def evaluated(self, split: Batch) -> EvalLoader:
        """This process's share of `split`, on the device that trains and in its precision."""
        assert self.trainer is not None
        return EvalLoader(self._placed(split), EVAL_BATCH, self.trainer.global_rank, self.trainer.world_size)

    def _placed(self, split: Batch) -> Batch:
        """`split` on the device that trains, in its precision."""
        assert self.trainer is not None
        converted = self.trainer.precision_plugin.convert_input(split)
        return tuple(tensor.to(self.trainer.strategy.root_device) for tensor in converted)


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
    """`train` and `others` with the columns' mean and standard deviation in `train` taken out; constant columns become 0."""
    mean, deviation = train.mean(0), train.std(0, correction=0)
    deviation = torch.where(deviation > 0, deviation, 1.0)
    return tuple((each - mean) / deviation for each in (train, *others))


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
