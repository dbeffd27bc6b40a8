"""Memory-mapped token files: consecutive ids of 16 or 32 bits without a header."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, Unpack

import torch
from torch import Tensor

from descentlab.budget import Plan
from descentlab.config.types import Count, Name
from descentlab.data.fetch.sources import DataError
from descentlab.data.loading.loader import Batch, EvalLoader, TrainLoader
from descentlab.data.loading.tensors import DataProperties
from descentlab.data.loading.windows import Windows
from descentlab.errors import UsageError
from descentlab.extras import require

DTYPES = {"uint16": torch.uint16, "uint32": torch.uint32}


class Tokens(Windows):
    """Windows of memory-mapped train.bin, val.bin and test.bin; only the tokens of a batch are read and moved to the device.

    Without test.bin the second half of val.bin is used as test.

    Args:
        length, stride: see Windows.
        path: folder of the files.
        dtype: the dtype of an id: uint16 or uint32.
        tokenizer: a tokenizer.json of the tokenizers library, to decode texts; None: texts are shown as ids.
        properties: see DataProperties. `vocabulary` is the number of ids, which the files do not contain.
    """

    def __init__(
        self,
        length: Count,
        path: Name,
        stride: Count | None = None,
        dtype: Literal["uint16", "uint32"] = "uint16",
        tokenizer: str | None = None,
        **properties: Unpack[DataProperties],
    ) -> None:
        if tokenizer is not None:
            require("tokenizers", f"data.tokenizer={tokenizer}")
        super().__init__(length, stride, **properties)
        self.path, self.dtype, self.tokenizer = Path(path).expanduser(), dtype, tokenizer

    def tokens(self) -> tuple[Tensor, Tensor, Tensor]:
        train, valid = (mapped(self.path / f"{name}.bin", self.dtype) for name in ("train", "val"))
        if (self.path / "test.bin").exists():
            return train, valid, mapped(self.path / "test.bin", self.dtype)
        half = len(valid) // 2
        return train, valid[:half], valid[half:]

    def vocabulary(self) -> int:
        """Return the number of ids in the config.

        Raises:
            UsageError: the config does not specify it.
        """
        size = self.properties.get("vocabulary")
        if size is None:
            raise UsageError(f"data.vocabulary=...: the token files in {self.path} do not contain the number of ids")
        return size

    def step_loader(self, plan: Plan, *share: Any) -> TrainLoader:
        return TransferringTrainLoader(self.splits.train, plan, *share, device=self.placement.device)

    def eval_loader(self, split: Batch) -> EvalLoader:
        return TransferringEvalLoader(split, self.eval_rows, *self.placement.share, device=self.placement.device)

    def decode(self, ids: list[int]) -> str:
        if self.tokenizer is None:
            return "".join(f"{id} " for id in ids)
        return read_tokenizer(Path(self.tokenizer)).decode(ids)


class TransferringTrainLoader(TrainLoader):
    """A TrainLoader of tensors that are not on the training device."""

    def __init__(self, tensors: Batch, plan: Plan, *share: Any, device: torch.device) -> None:
        super().__init__(tensors, plan, *share)
        self.device = device

    def gather(self, indices: Tensor) -> Batch:
        return transferred(super().gather(indices), self.device)


class TransferringEvalLoader(EvalLoader):
    """An EvalLoader of tensors that are not on the training device."""

    def __init__(self, tensors: Batch, batch_size: int, *share: Any, device: torch.device) -> None:
        super().__init__(tensors, batch_size, *share)
        self.device = device

    def __iter__(self) -> Iterator[Batch]:
        return (transferred(batch, self.device) for batch in super().__iter__())


def transferred(batch: Batch, device: torch.device) -> Batch:
    """Return `batch` on `device` as int64, which every operation accepts."""
    return tuple(ids.long().to(device) for ids in batch)


def mapped(path: Path, dtype: str) -> Tensor:
    """Return the ids in a file, shape (tokens,), memory-mapped.

    Raises:
        DataError: the file does not exist, or its size is not a multiple of the size of an id.
    """
    kind = DTYPES[dtype]
    if not path.is_file():
        raise DataError(f"{path} does not exist: a token file has consecutive ids as {dtype}, without a header")
    size, rest = divmod(path.stat().st_size, kind.itemsize)
    if rest:
        raise DataError(f"{path} has {path.stat().st_size} bytes, not a multiple of the size of {dtype}")
    return torch.from_file(str(path), shared=False, size=size, dtype=kind)


def read_tokenizer(path: Path) -> Any:
    """Return the tokenizer in a tokenizer.json.

    Raises:
        UsageError: the tokenizers library is not installed.
    """
    require("tokenizers", f"{path.name} of byte-pair tokens")
    from tokenizers import Tokenizer

    return Tokenizer.from_file(str(path))
