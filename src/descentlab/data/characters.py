"""A text as a sequence of characters."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from descentlab.config.types import Count, Name
from descentlab.data.fetch.registry import one_file
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tensors import DataProperties
from descentlab.data.loading.windows import Windows

UNKNOWN = "\ufffd"  # shown for id 0
VALID, TEST = 0.05, 0.05  # fractions of all characters


class Characters(Windows):
    """Windows of character ids: 0 for characters that are not in train, then those of train ordered by code point.

    The first 90 % of the text are train, the next 5 % valid, the last 5 % test.

    Args:
        length, stride: see Windows.
        path: a text file in UTF-8; None: the file of `source`.
        source: the name of a data set in descentlab.data.fetch.registry, whose only file is the text.
        data_dir: folder of all data sets.
        properties: see DataProperties.
    """

    def __init__(
        self,
        length: Count,
        stride: Count | None = None,
        path: Name | None = None,
        source: str | None = None,
        data_dir: str = "data",
        **properties: Unpack[DataProperties],
    ) -> None:
        super().__init__(length, stride, **properties)
        self.path, self.source, self.data_dir = path, source, Path(data_dir)
        self.known: list[str] = []

    def tokens(self) -> tuple[Tensor, Tensor, Tensor]:
        points = np.frombuffer(self._read().encode("utf-32-le"), np.uint32)
        ends = [round(len(points) * share) for share in (1 - VALID - TEST, 1 - TEST)]
        train, valid, test = np.split(points, ends)
        known = np.unique(train)
        self.known = [chr(point) for point in known]
        return _ids(train, known), _ids(valid, known), _ids(test, known)

    def vocabulary(self) -> int:
        return len(self.known) + 1

    def decode(self, ids: list[int]) -> str:
        characters = [UNKNOWN, *self.known]
        return "".join(characters[id] for id in ids)

    def _read(self) -> str:
        """Return the text.

        Raises:
            DataError: the file does not exist, or it is not UTF-8.
        """
        path = one_file(self.path, self.source, self.data_dir)
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"data.path={path} cannot be read as text: {error}") from error


def _ids(points: Any, known: Any) -> Tensor:
    """Return the id of each code point: its position in `known` from 1 on, or 0 if it is not there."""
    positions = np.searchsorted(known, points).clip(max=len(known) - 1)
    return torch.from_numpy(np.where(known[positions] == points, positions + 1, 0).astype(np.int64))
