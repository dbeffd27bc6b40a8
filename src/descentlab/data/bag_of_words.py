"""Synthetic documents as bags of words with Zipf's frequencies: sparse features of very different frequency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Unpack

import numpy as np
from annotated_types import Len
from numpy.typing import NDArray

from descentlab.config.types import Count, NonNegative, Seed
from descentlab.data.loading.splits import Splits, tensor
from descentlab.data.loading.tensors import DataProperties, TensorData


class BagOfWords(TensorData):
    """Counts of words (rows, num_features); target (rows,) 1.0 or 0.0, a linear function of the counts.

    Each word of a document is drawn independently; word i = 1, 2, ... has a probability p_i proportional to i^-exponent (Zipf
    1949, with exponent 1). The target is 1 if sum_i v_i (count_i - length p_i) / sqrt(p_i) > 0, where v is a fixed draw from
    N(0, I): frequent and rare words contribute the same variance to the sum. It replaces the reviews of films of Kingma and Ba
    (arXiv:1412.6980, section 6.1).

    Args:
        rows: the number of documents of train, valid and test.
        length: the number of words of a document.
        exponent: of the frequencies, >= 0.
        split_seed: seed of all draws; independent of the run's seeds.
        properties: see DataProperties; `num_features` is the number of words of the vocabulary.
    """

    def __init__(
        self,
        rows: Annotated[Sequence[Count], Len(3, 3)],
        length: Count,
        exponent: NonNegative = 1.0,
        split_seed: Seed = 0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.rows, self.length, self.split_seed = rows, length, split_seed
        self.frequencies = zipf(properties.get("num_features", 1), exponent)

    def load(self) -> Splits:
        stream = np.random.default_rng(self.split_seed)
        weights = stream.standard_normal(len(self.frequencies)) / np.sqrt(self.frequencies)
        drawn = [stream.multinomial(self.length, self.frequencies, rows) for rows in self.rows]
        scores = [(counts - self.length * self.frequencies) @ weights for counts in drawn]
        parts = zip(drawn, scores, strict=True)
        train, valid, test = ((tensor(counts.astype(np.float32)), tensor((score > 0) * 1.0)) for counts, score in parts)
        return Splits(train, valid, test)


def zipf(words: int, exponent: float) -> NDArray[np.float64]:
    """Return frequencies proportional to rank^-exponent, shape (words,), with sum 1."""
    frequencies = np.arange(1, words + 1, dtype=np.float64) ** -exponent
    return frequencies / frequencies.sum()
