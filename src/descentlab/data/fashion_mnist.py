"""Fashion-MNIST (Xiao et al., arXiv:1708.07747): 70,000 images of clothes, MIT licence."""

from pathlib import Path
from typing import Unpack

import numpy as np
import torch

from descentlab.data.registry import FASHION_MNIST
from descentlab.data.sources import materialise
from descentlab.data.tensors import Facts, Splits, TensorData, three_way


class FashionMNIST(TensorData):
    """Images (rows, 1, 28, 28) with pixels in [0, 1]; classes 0 to 9.

    The published test split is test; valid is cut from train.
    """

    def __init__(self, data_dir: str, valid_fraction: float, split_seed: int = 0, **facts: Unpack[Facts]) -> None:
        super().__init__(**facts)
        self.folder, self.fraction, self.split_seed = Path(data_dir), valid_fraction, split_seed

    def load(self) -> Splits:
        files = materialise(FASHION_MNIST, self.folder)
        images, labels = _images(files["train-images-idx3-ubyte"]), _labels(files["train-labels-idx1-ubyte"])
        train, valid, _ = (torch.as_tensor(r) for r in three_way(len(images), 0.0, self.fraction, self.split_seed))
        test = (_images(files["t10k-images-idx3-ubyte"]), _labels(files["t10k-labels-idx1-ubyte"]))
        return Splits((images[train], labels[train]), (images[valid], labels[valid]), test)


def _images(path: Path) -> torch.Tensor:
    """An idx3 file: 16 bytes of header, then a byte a pixel."""
    pixels = np.fromfile(path, np.uint8, offset=16).reshape(-1, 1, 28, 28)
    return torch.from_numpy(pixels).to(torch.float32) / 255


def _labels(path: Path) -> torch.Tensor:
    """An idx1 file: 8 bytes of header, then a byte a label."""
    return torch.from_numpy(np.fromfile(path, np.uint8, offset=8)).to(torch.int64)
