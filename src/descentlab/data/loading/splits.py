"""The three splits of a data set in memory: their tensors, their digest, random cuts and standardisation."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descentlab.data.loading.loader import Batch
from descentlab.data.loading.tables.scaling import standardised

DIGEST_NUMBERS, DIGEST_PIECES = 1_000_000, 300  # numbers hashed at a time; most pieces, since a corpus may exceed memory


class AnySplits(Protocol):
    """The interface of splits that a run uses, independent of how the examples are stored."""

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


@dataclass(frozen=True)
class Splits:
    """Splits in memory: each is a tuple of tensors with one row per example, the inputs first, then the targets if any.

    `target_scale` is the factor that converts a standardised target to its original unit.
    """

    train: Batch
    valid: Batch
    test: Batch
    target_scale: float = 1.0

    def sizes(self) -> dict[str, int]:
        """Return the number of examples of each split."""
        return {"train": len(self.train[0]), "valid": len(self.valid[0]), "test": len(self.test[0])}

    def digest(self) -> str:
        """Return a SHA-256 of all numbers of all splits, in order, and of the target's scale; it is computed once.

        Numbers that overlapping rows share (windows of tokens) are hashed once. Of a tensor of more than 300 million numbers
        (a memory-mapped corpus) 300 evenly spaced pieces of a million numbers are hashed, and the shape.
        """
        return self._digest

    @cached_property
    def _digest(self) -> str:
        total = hashlib.sha256()
        if self.target_scale != 1:
            total.update(repr(self.target_scale).encode())
        for tensor in (*self.train, *self.valid, *self.test):
            shared = tensor.dim() == 2 and tensor.stride(1) == 1 and tensor.stride(0) < tensor.shape[1]
            numbers = shared_storage(tensor) if shared else tensor
            pieces = numbers.split(max(1, DIGEST_NUMBERS // max(1, numbers[:1].numel())))
            if shared or len(pieces) > DIGEST_PIECES:
                total.update(repr((tensor.shape, tensor.stride())).encode())
            for piece in pieces[:: math.ceil(len(pieces) / DIGEST_PIECES)]:
                total.update(piece.contiguous().numpy().data)
        return total.hexdigest()


def shared_storage(rows: Tensor) -> Tensor:
    """Return the one-dimensional view of the memory that overlapping or adjacent `rows` (rows, width) cover."""
    return rows.as_strided(((len(rows) - 1) * rows.stride(0) + rows.shape[1],), (1,))


def three_way(rows: int, test_fraction: float, valid_fraction: float, seed: int) -> tuple[NDArray[np.int64], ...]:
    """Return the row numbers of train, valid and test: disjoint, shuffled and determined by the seed.

    Args:
        rows: the number of rows to split.
        test_fraction: test split as a fraction of all rows.
        valid_fraction: valid split as a fraction of the rows that are not test.
        seed: seed of the permutation.
    """
    order = np.random.default_rng(seed).permutation(rows)
    tests = round(rows * test_fraction)
    valids = round((rows - tests) * valid_fraction)
    return order[tests + valids :], order[tests : tests + valids], order[:tests]


def standardise(train: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
    """Return `train` and `others` standardised by the mean and standard deviation of each column of `train`, as float32.

    Computed in float64, so that large offsets lose no precision. A column that is constant in `train` becomes 0 everywhere.
    """
    parts, _ = standardised(*(each.double().numpy() for each in (train, *others)))
    return tuple(tensor(part) for part in parts)


def tensor(array: NDArray[Any]) -> Tensor:
    """Return `array` as a tensor: floats as float32, integers as int64."""
    return torch.as_tensor(array).to(torch.float32 if np.issubdtype(array.dtype, np.floating) else torch.int64)
