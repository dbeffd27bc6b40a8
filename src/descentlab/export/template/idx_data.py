"""Data of an exported script: images in idx files, the format of MNIST."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from descentlab.data.loading.loader import Batch
from descentlab.export.template.settings import DATA_DIR, DEVICE


def load_data() -> tuple[Batch, Batch, Batch]:
    """Return train, valid and test: images (n, 1, 28, 28) and classes (n,).

    The file next to this script has the rows of the published training split that are train and valid.
    """
    rows = torch.load(Path(__file__).with_suffix(".pt"), weights_only=True)
    published, test = read("train"), read("t10k")
    train, valid = (tuple(tensor[rows[name].long()].to(DEVICE) for tensor in published) for name in ("train", "valid"))
    return train, valid, (test[0].to(DEVICE), test[1].to(DEVICE))


def read(part: str) -> tuple[Tensor, Tensor]:
    """Return images with pixels in [0, 1], and classes, of a published part: train or t10k."""
    images = idx(f"{part}-images-idx3-ubyte", header=16).reshape(-1, 1, 28, 28)
    return images.to(torch.float32) / 255, idx(f"{part}-labels-idx1-ubyte", header=8).to(torch.int64)


def idx(name: str, header: int) -> Tensor:
    """Return the bytes of an idx file after its header."""
    return torch.frombuffer(bytearray((Path(DATA_DIR) / name).read_bytes()), dtype=torch.uint8, offset=header)
