"""Base classes of data sets: splits are loaded once and served as batches (streamed.py: data sets larger than memory)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, ClassVar, Generic, TypedDict, TypeVar, Unpack

import lightning as L
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.budget import Plan
from descentlab.config.types import Count, Positive, PositiveFraction, Seed
from descentlab.data.loading.label_noise import with_wrong_labels
from descentlab.data.loading.limits import check_classes_kept, rows_of_every_class
from descentlab.data.loading.loader import Augment, Batch, EvalLoader, StepLoader, TrainLoader
from descentlab.data.loading.placement import Placement
from descentlab.data.loading.splits import AnySplits, Splits, tensor, three_way

EVAL_BATCH = 1000


class DataProperties(TypedDict, total=False):
    """Properties that the config of a data set states, from which other groups take shapes; checked against the data."""

    num_features: int
    num_outputs: int
    image_shape: Sequence[int]  # channels, height, width
    num_classes: int
    class_names: Sequence[str]
    positive: str
    unit: str
    cardinalities: Sequence[int] | None  # numbers of coded categories, including code 0
    peak: Positive | None  # difference of the largest and the smallest value of a pixel
    vocabulary: Count | None  # the number of token ids
    num_users: int
    num_items: int
    output: str  # last or every: the steps of a sequence after which a prediction is made
    shuffle: bool
    drop_last: bool
    limit: Count | None


S = TypeVar("S", bound=AnySplits)


class Data(L.LightningDataModule, Generic[S]):
    """Base class of all data sets. A subclass loads the splits and defines how their batches are served.

    `columns` and `warnings` are filled when `splits` is first read. `columns` describes each column of a table by its "name",
    "read_as" (number, category, target, group, dropped or split) and "detail" (a short phrase). `warnings` are sentences to be
    shown before training.

    Args:
        properties: see DataProperties. `limit` keeps at most that many examples of each split, for a quick trial; a table or an
            image folder with classes keeps each class in its proportion. `drop_last` drops a last batch that is smaller than
            the others. With `shuffle=false` each epoch has the order of the data.

    Raises:
        TypeError: a key is not one of DataProperties.
    """

    in_memory: ClassVar[bool] = False

    def __init__(self, **properties: Unpack[DataProperties]) -> None:
        super().__init__()
        unknown = set(properties) - set(DataProperties.__annotations__)
        if unknown:
            raise TypeError(f"{type(self).__name__} does not take {', '.join(sorted(unknown))}")
        self.properties = properties
        self._splits: S | None = None
        self.plan: Plan | None = None
        self.branch: Mapping[str, int] = {}
        self.placement = Placement()  # set by the engine
        self.start = 0  # the first step to be served
        self.chunk: int | None = None  # number of steps in a chunk; None: chosen by measured time
        self.cut_every: int | None = None  # chunks end at steps divisible by it
        self.log_every: int | None = None  # steps between measurements, set by the engine
        self.columns: list[dict[str, str]] = []
        self.warnings: list[str] = []

    def load(self) -> S:
        """Return all splits, before data.limit is applied."""
        raise NotImplementedError

    def limited(self, splits: S, limit: int | None) -> S:
        """Return `splits` with at most `limit` examples each; all of them if `limit` is None."""
        raise NotImplementedError

    def corrupted(self, splits: S) -> S:
        """Return `splits`, limited already, with the errors in the training split that the config asks for; none by default."""
        return splits

    def check_limit(self, limit: int, before: S, after: S) -> None:
        """Check the effect of data.limit. Subclasses append to `warnings` or raise a DataError.

        Args:
            limit: data.limit.
            before: the splits without the limit.
            after: the splits with the limit.
        """

    @property
    def splits(self) -> S:
        """The splits, loaded and checked on first access.

        Raises:
            ValueError: a split is empty, or the data contradict the properties in the config.
        """
        if self._splits is None:
            loaded = self.load()
            self._check(loaded)
            limit = self.properties.get("limit")
            self._splits = self.corrupted(self.limited(loaded, limit))
            if limit is not None:
                self.check_limit(limit, loaded, self._splits)
        return self._splits

    @property
    def drop_last(self) -> bool:
        return self.properties.get("drop_last", False)

    def _check(self, splits: S) -> None:
        """Check the properties in the config against the data."""
        empty = [name for name, rows in splits.sizes().items() if rows == 0]
        if empty:
            raise ValueError(f"{type(self).__name__}: no examples for {' and '.join(empty)}; increase the fractions")
        for key, value in self.inferred(splits).items():
            stated = self.properties.get(key)
            if stated is not None and (list(stated) if isinstance(stated, Sequence) else stated) != value:
                raise ValueError(
                    f"data.{key} is {stated} in the config, but {type(self).__name__} has {value}; null infers it from the data"
                )

    def inferred(self, splits: S) -> dict[str, Any]:
        """Return the properties that can be determined from the data, by key."""
        raise NotImplementedError

    def fill(self, node: Mapping[str, Any]) -> dict[str, Any]:
        """Return `node` with each null value replaced by the property inferred from the data, e.g. a column count."""
        inferred = self._inferred if None in node.values() else {}
        return {key: inferred.get(key) if value is None else value for key, value in node.items()}

    @cached_property
    def _inferred(self) -> dict[str, Any]:
        return self.inferred(self.splits)

    def serve(self, plan: Plan, seed: int, microbatch: int | None, branch: Mapping[str, int | None] | None = None) -> None:
        """Set how training batches are cut and ordered. Must be called before an engine requests them.

        Args:
            branch: the node `branch` of the config; None, or a node of nulls: all batches have the order of `seed`.
        """
        self.plan, self.seed, self.microbatch = plan, seed, microbatch
        self.branch = {key: value for key, value in (branch or {}).items() if value is not None}

    def train_dataloader(self) -> StepLoader:
        assert self.plan is not None, "call serve(plan, ...) first"
        self.loader = self.step_loader(self.plan, self.seed, self.microbatch, *self.placement.share, self.start)
        self.loader.chunk = self.chunk
        self.loader.branch = self.branch or None
        self.loader.cut_every = self.cut_every
        self.loader.shuffle = self.properties.get("shuffle", True)
        if self.placement.device.type == "cuda":
            self.loader.log_every = self.log_every
        return self.loader

    def step_loader(self, plan: Plan, *share: Any) -> StepLoader:
        """Return the loader of the training split.

        Args:
            plan: the steps of the run.
            share: further positional arguments of StepLoader: seed, microbatch, rank, world, step.
        """
        raise NotImplementedError

    def val_dataloader(self) -> Iterable[Batch]:
        return self.eval_loader(self.splits.valid)

    def test_dataloader(self) -> Iterable[Batch]:
        return self.eval_loader(self.splits.test)

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        return batch  # batches of the loaders are on the device already

    def eval_loader(self, split: Any) -> Iterable[Batch]:
        """Return the batches of this process's share of `split`, in order, on the training device and in its precision."""
        raise NotImplementedError

    def _to_device(self, split: Batch) -> Batch:
        """Return `split` on the training device, in its precision."""
        return self.placement.put(split)


class TensorData(Data[Splits]):
    """Base class of data sets that fit into memory. `augment` transforms the training batches.

    If `classes` is set, the second tensor of each split holds codes of these class names, and data.limit keeps every class.
    A subclass with classes may set `label_noise`, the fraction of training labels that are replaced by another class after
    data.limit was applied. `split_seed` determines which.
    """

    in_memory = True
    augment: Augment | None = None
    classes: Sequence[str] = ()
    label_noise: float = 0.0
    split_seed: int = 0

    def limited(self, splits: Splits, limit: int | None) -> Splits:
        if limit is None:
            return splits
        train, valid, test = (self._first(part, limit) for part in (splits.train, splits.valid, splits.test))
        return Splits(train, valid, test, splits.target_scale)

    def corrupted(self, splits: Splits) -> Splits:
        if not self.label_noise:
            return splits
        inputs, labels, *others = splits.train
        return replace(splits, train=(inputs, with_wrong_labels(labels, self.label_noise, self.split_seed), *others))

    def _first(self, part: tuple[Tensor, ...], limit: int) -> tuple[Tensor, ...]:
        rows = rows_of_every_class(part[1], limit) if self.classes else slice(limit)
        return tuple(tensor[rows] for tensor in part)

    def check_limit(self, limit: int, before: Splits, after: Splits) -> None:
        """Check that data.limit keeps every class in train.

        Raises:
            DataError: it does not.
        """
        if self.classes:
            check_classes_kept(limit, before.train[1], after.train[1], self.classes)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        inferred: dict[str, Any] = {"num_features": splits.train[0][0].numel()}
        if "image_shape" in self.properties:
            inferred["image_shape"] = list(splits.train[0].shape[1:])
        if "num_classes" in self.properties:
            inferred["num_classes"] = int(splits.train[1].max()) + 1
        if "peak" in self.properties:
            inferred["peak"] = float(splits.train[0].max() - splits.train[0].min())
        return inferred

    def step_loader(self, plan: Plan, *share: Any) -> TrainLoader:
        return TrainLoader(self._to_device(self.splits.train), plan, *share, augment=self.augment)

    def eval_loader(self, split: Batch) -> EvalLoader:
        return EvalLoader(self._to_device(split), EVAL_BATCH, *self.placement.share)


class Embedded(TensorData):
    """Base class of data sets that scikit-learn ships: without a published split, so test and valid are cut at random.

    Args:
        test_fraction: test split as a fraction of all rows.
        valid_fraction: valid split as a fraction of the rows that are not test.
        split_seed: seed of the cuts; independent of the run's seeds, so that all runs have the same splits.
        properties: see DataProperties.
    """

    def __init__(
        self,
        test_fraction: PositiveFraction,
        valid_fraction: PositiveFraction,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.fractions, self.split_seed = (test_fraction, valid_fraction, split_seed), split_seed

    def cut(self, *columns: NDArray[Any]) -> tuple[Batch, ...]:
        """Return train, valid and test, each with its rows of every column: floats as float32, integers as int64."""
        parts = three_way(len(columns[0]), *self.fractions)
        return tuple(tuple(tensor(column[rows]) for column in columns) for rows in parts)
