"""A sample of MSLR-WEB10K (Qin and Liu, arXiv:1306.2597): web pages for queries, rated from 0 (bad) to 4 (perfect)."""

from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_svmlight_file
from torch import Tensor

from descentlab.config.types import PositiveFraction, Seed
from descentlab.data.fetch.entries.rankings import MSLR_SAMPLE
from descentlab.data.fetch.sources import materialise
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.splits import Splits, tensor, three_way
from descentlab.data.loading.tensors import DataProperties, TensorData

NUM_FEATURES = 136
Query = tuple[NDArray[np.float64], NDArray[np.int64]]  # features (documents, 136), labels (documents,)


class MSLRSample(TensorData):
    """One row per query: inputs (queries, documents, 136); targets (queries, documents) from 0 to 4, -1 for padding.

    A feature x is transformed to sign(x) log(1 + |x|), because counts and lengths span six decades, and standardised by mean
    and deviation over the documents of train. Queries are padded with zeros to the largest number of documents.

    Args:
        data_dir: folder of all data sets.
        valid_fraction: valid split as a fraction of the queries of the published training split. The published test split
            is used as test.
        split_seed: seed of the cut.
        properties: see DataProperties.
    """

    def __init__(
        self, data_dir: str, valid_fraction: PositiveFraction, split_seed: Seed = 0, **properties: Unpack[DataProperties]
    ) -> None:
        super().__init__(**properties)
        self.folder, self.fraction, self.split_seed = Path(data_dir), valid_fraction, split_seed

    def load(self) -> Splits:
        files = materialise(MSLR_SAMPLE, self.folder)
        published, test = queries(files["train.txt"]), queries(files["test.txt"])
        train_rows, valid_rows, _ = three_way(len(published), 0.0, self.fraction, self.split_seed)
        train, valid = [published[row] for row in train_rows], [published[row] for row in valid_rows]
        documents = np.concatenate([compressed(features) for features, _ in train])
        mean, deviation = documents.mean(0), documents.std(0)
        deviation[deviation == 0] = 1.0
        length = max(len(labels) for _, labels in (*published, *test))
        parts = [padded(part, mean, deviation, length) for part in (train, valid, test)]
        return Splits(train=parts[0], valid=parts[1], test=parts[2])

    def inferred(self, splits: Splits) -> dict[str, Any]:
        return {"num_features": splits.train[0].shape[2]}


def queries(path: Path) -> list[Query]:
    """Parse an svmlight file with query ids, and return its queries in the order of the file."""
    loaded: Any = load_svmlight_file(str(path), n_features=NUM_FEATURES, query_id=True)
    features, labels, ids = loaded[0].toarray(), loaded[1].astype(np.int64), loaded[2]
    starts = np.flatnonzero(np.diff(ids)) + 1
    return list(zip(np.split(features, starts), np.split(labels, starts), strict=True))


def compressed(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return sign(x) log(1 + |x|)."""
    return np.sign(features) * np.log1p(np.abs(features))


def padded(part: list[Query], mean: NDArray[np.float64], deviation: NDArray[np.float64], length: int) -> Batch:
    """Return standardised features (queries, length, 136) padded with 0, and labels (queries, length) padded with -1."""
    inputs = torch.zeros(len(part), length, NUM_FEATURES)
    targets: Tensor = torch.full((len(part), length), -1)
    for row, (features, labels) in enumerate(part):
        inputs[row, : len(labels)] = tensor((compressed(features) - mean) / deviation)
        targets[row, : len(labels)] = tensor(labels)
    return inputs, targets
