"""A text, character by character."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch
from torch import Tensor

from descentlab.config.types import Count, Name
from descentlab.data.fetch.registry import one_file
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.tensors import Facts
from descentlab.data.loading.windows import Windows

UNKNOWN = "\ufffd"  # how id 0 is written
VALID, TEST = 0.05, 0.05  # of all characters


class Characters(Windows):
    """Ids of characters: 0 for those that train does not have, then train's in the order of their code points.

    The first 90 % of the text are train, then come 5 % valid and 5 % test.

    Args:
        length, stride: see Windows.
        path: of a text in UTF-8; None: the registry's `source`.
        source: a name in descentlab.data.fetch.registry; its one file is the text.
        facts: see Facts.
    """

    def __init__(
        self,
        length: Count,
        stride: Count | None = None,
        path: Name | None = None,
        source: str | None = None,
        data_dir: str = "data",
        **facts: Unpack[Facts],
    ) -> None:
        super().__init__(length, stride, **facts)
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
        written = [UNKNOWN, *self.known]
        return "".join(written[id] for id in ids)

    def _read(self) -> str:
        """Raises: DataError: there is no such file, or it is no text."""
        path = one_file(self.path, self.source, self.data_dir)
        try:
            return path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"data.path={path} cannot be read as a text: {error}") from error


def _ids(points: Any, known: Any) -> Tensor:
    """Places of code points in `known`, from 1 on; 0: not there."""
    places = np.searchsorted(known, points).clip(max=len(known) - 1)
    return torch.from_numpy(np.where(known[places] == points, places + 1, 0).astype(np.int64))
