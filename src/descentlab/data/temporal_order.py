"""The temporal order problem (Hochreiter and Schmidhuber, Long short-term memory, 1997, experiments 6a and 6b)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Unpack

import numpy as np
import torch
from annotated_types import Len
from numpy.typing import NDArray

from descentlab.config.types import Count, Seed
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits
from descentlab.data.loading.tensors import DataProperties, TensorData
from descentlab.errors import UsageError

SHORTEST = 10
RANGES = {  # bits -> the ranges of the relevant symbols' positions, as fractions of the length (about 100 in the paper)
    1: ((0.1, 0.2),),
    2: ((0.1, 0.2), (0.5, 0.6)),
    3: ((0.1, 0.2), (0.33, 0.43), (0.66, 0.76)),
}


class TemporalOrder(TensorData):
    """Sequences (rows, length) of distractors and one to three relevant symbols, A or B, which form the class in binary.

    The classes are AA, AB, BA, BB for two symbols, and eight for three. They are far from the end of the sequence, where a
    recurrent network predicts the class. As in Pascanu et al. (arXiv:1211.5063, 4.1) the length is free and no symbols mark
    the ends.

    Args:
        bits: the number of relevant symbols, 1 to 3; a single one has no order, only its symbol is recalled.
        length: the length of a sequence.
        rows: the number of sequences of train, valid and test.
        split_seed: seed of all draws; independent of the run's seeds.
        distractors: the number of kinds of distractors, whose ids are 0 to distractors - 1; then follow those of A and B.
        properties: see DataProperties.

    Raises:
        UsageError: the length is too short for the ranges.
    """

    def __init__(
        self,
        bits: Literal[1, 2, 3],
        length: Count,
        rows: Annotated[Sequence[Count], Len(3, 3)],
        split_seed: Seed = 0,
        distractors: Count = 4,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        if length < SHORTEST:
            raise UsageError(f"data.length={length}: the temporal order problem needs {SHORTEST} steps or more")
        self.bits, self.length, self.rows, self.split_seed = bits, length, rows, split_seed
        self.distractors = distractors

    def load(self) -> Splits:
        stream = np.random.default_rng(self.split_seed)
        train, valid, test = (self._draw(rows, stream) for rows in self.rows)
        return Splits(train, valid, test)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        classes = 2**self.bits
        return {"vocabulary": self.distractors + 2, "num_classes": classes, "num_outputs": classes}

    def _draw(self, rows: int, stream: np.random.Generator) -> Batch:
        ids: NDArray[np.int64] = stream.integers(self.distractors, size=(rows, self.length))
        classes = np.zeros(rows, np.int64)
        for first, last in RANGES[self.bits]:
            position = stream.integers(int(first * self.length), int(last * self.length), size=rows)
            symbol = stream.integers(2, size=rows)
            ids[np.arange(rows), position] = self.distractors + symbol
            classes = 2 * classes + symbol
        return torch.from_numpy(ids), torch.from_numpy(classes)
