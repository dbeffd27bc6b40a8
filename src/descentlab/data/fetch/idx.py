"""Images and labels in idx files, the format of MNIST and of the sets modelled on it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Unpack

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from descentlab.data.fetch.entries.images import IDX
from descentlab.data.fetch.sources import Entry, materialise
from descentlab.data.loading.scaled_images import Scaling, scaled
from descentlab.data.loading.splits import Splits, three_way
from descentlab.data.loading.tensors import DataProperties, TensorData

PUBLISHED = 28  # height and width of the published images
Size = Literal[28, 14, 7, 4]


class IdxData(TensorData):
    """Images (rows, 1, size, size) with pixels in [0, 1] or scaled; classes (rows,).

    The published test split is used as test; valid is cut from the published training split.

    Args:
        entry: the registry's entry, with the four files of MNIST.
        data_dir: folder of all data sets.
        valid_fraction: valid split as a fraction of the published training split.
        split_seed: seed of the cut.
        size: height and width, 28 as published, or 14, 7 or 4: means of blocks of 2 x 2, 4 x 4 or 7 x 7 pixels.
        pixels: see `scaled`.
        label_noise: see TensorData.
        properties: see DataProperties.
    """

    def __init__(
        self,
        entry: Entry,
        data_dir: str,
        valid_fraction: float,
        split_seed: int,
        size: Size = PUBLISHED,
        pixels: Scaling = "unit",
        label_noise: float = 0.0,
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(**properties)
        self.entry, self.folder, self.fraction, self.split_seed = entry, Path(data_dir), valid_fraction, split_seed
        self.pixels: Scaling = pixels
        self.size, self.label_noise = size, label_noise

    @property
    def is_published(self) -> bool:
        """True if images and labels of the published splits are not changed."""
        return self.size == PUBLISHED and self.pixels == "unit" and not self.label_noise

    def load(self) -> Splits:
        files = materialise(self.entry, self.folder)
        images, labels = published(files, "train")
        test, test_labels = published(files, "t10k")
        if self.size != PUBLISHED:
            images, test = (avg_pool2d(part, PUBLISHED // self.size) for part in (images, test))
        train, valid, _ = (torch.as_tensor(rows) for rows in three_way(len(images), 0.0, self.fraction, self.split_seed))
        inputs = scaled(images[train], images[valid], test, pixels=self.pixels)
        return Splits((inputs[0], labels[train]), (inputs[1], labels[valid]), (inputs[2], test_labels))


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
