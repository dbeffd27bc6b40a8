"""Images and labels in idx files, the format of MNIST and of the sets modelled on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Unpack

import numpy as np
import torch
from torch import Tensor

from descentlab.data.fetch.entries.images import IDX
from descentlab.data.fetch.sources import Entry, materialise
from descentlab.data.loading.splits import Splits, three_way
from descentlab.data.loading.tensors import DataProperties, TensorData


class IdxData(TensorData):
    """Images (rows, 1, 28, 28) with pixels in [0, 1]; classes (rows,).

    The published test split is used as test; valid is cut from the published training split.

    Args:
        entry: the registry's entry, with the four files of MNIST.
        data_dir: folder of all data sets.
        valid_fraction: valid split as a fraction of the published training split.
        split_seed: seed of the cut.
        properties: see DataProperties.
    """

    def __init__(
        self, entry: Entry, data_dir: str, valid_fraction: float, split_seed: int, **properties: Unpack[DataProperties]
    ) -> None:
        super().__init__(**properties)
        self.entry, self.folder, self.fraction, self.split_seed = entry, Path(data_dir), valid_fraction, split_seed

    def load(self) -> Splits:
        files = materialise(self.entry, self.folder)
        images, labels = published(files, "train")
        train, valid, _ = (torch.as_tensor(rows) for rows in three_way(len(images), 0.0, self.fraction, self.split_seed))
        return Splits((images[train], labels[train]), (images[valid], labels[valid]), published(files, "t10k"))


def published(files: Mapping[str, Path], part: str) -> tuple[Tensor, Tensor]:
    """Return images and labels of a published part: train or t10k."""
    return images(files[IDX[f"{part}-images-idx3"]]), labels(files[IDX[f"{part}-labels-idx1"]])


def images(path: Path) -> Tensor:
    """Return the images (n, 1, 28, 28) in an idx3 file: a header of 16 bytes, then one byte per pixel."""
    pixels = np.fromfile(path, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return torch.from_numpy(pixels).to(torch.float32) / 255


def labels(path: Path) -> Tensor:
    """Return the labels (n,) in an idx1 file: a header of 8 bytes, then one byte per label."""
    return torch.from_numpy(np.fromfile(path, np.uint8, offset=8)).to(torch.int64)
