"""Data of an exported script: the characters of a text."""

from __future__ import annotations

from pathlib import Path

import torch

from descentlab.data.characters import TEST, VALID
from descentlab.data.loading.loader import Batch
from descentlab.data.loading.windows import windows
from descentlab.export.template.settings import DATA_FILE, DEVICE, LENGTH, STRIDE


def load_data() -> tuple[Batch, Batch, Batch]:
    """Return train, valid and test: ids of characters (windows, LENGTH), and of those that follow each of them.

    Id 0 stands for characters that are not in train.
    """
    text = Path(DATA_FILE).read_text("utf-8")
    ends = [round(len(text) * share) for share in (1 - VALID - TEST, 1 - TEST)]
    train, valid, test = text[: ends[0]], text[ends[0] : ends[1]], text[ends[1] :]
    known = {character: id for id, character in enumerate(sorted(set(train)), 1)}
    ids = (torch.tensor([known.get(character, 0) for character in part]).to(DEVICE) for part in (train, valid, test))
    strides = (STRIDE, LENGTH, LENGTH)
    train, valid, test = (windows(part, LENGTH, stride) for part, stride in zip(ids, strides, strict=True))
    return train, valid, test
