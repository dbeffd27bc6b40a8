"""Data of an exported script that are stored next to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from descentlab.data.loading.loader import Batch
from descentlab.export.template.settings import DEVICE


def load_data() -> tuple[Batch, Batch, Batch]:
    """Return train, valid and test, from the file next to this script."""
    stored = torch.load(Path(__file__).with_suffix(".pt"), weights_only=True)
    train, valid, test = (tuple(unpacked(tensor) for tensor in stored[name]) for name in ("train", "valid", "test"))
    return train, valid, test


def unpacked(packed: dict[str, Any]) -> Tensor:
    """Return a tensor on DEVICE, from its numbers, or from indices of a byte into a table of them. Rows may overlap."""
    numbers = packed["numbers"]
    if "indices" in packed:
        numbers = numbers[packed["indices"].long()]
    return numbers.to(DEVICE).as_strided(packed["shape"], packed["stride"])
