"""Windows of token sequences: inputs, and targets one step later. Windows are views, so tokens are copied only into batches."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import Tensor

from descentlab.config.types import Count
from descentlab.data.loading.loader import Batch, EvalLoader
from descentlab.data.loading.splits import Splits, shared_storage
from descentlab.data.loading.tensors import DataProperties, TensorData
from descentlab.errors import UsageError

EVAL_TOKENS = 16_384  # in an evaluation batch; bounds the memory of the logits


def windows(ids: Tensor, length: int, stride: int) -> Batch:
    """Return inputs and targets (rows, length), views of `ids` (tokens,). Row r starts at token r * stride.

    Raises:
        UsageError: there are fewer tokens than one window and its targets need.
    """
    if len(ids) <= length:
        raise UsageError(
            f"data.length={length}: a split has {len(ids)} tokens, too few for a window of that length and its targets"
        )
    return ids[:-1].unfold(0, length, stride), ids[1:].unfold(0, length, stride)


class Windows(TensorData):
    """Base class of language data sets: token ids (rows, length), and the id that follows each of them, of the same shape.

    Args:
        length: tokens in a window.
        stride: tokens from the start of a training window to that of the next; if smaller than length, windows overlap. None:
            length. The windows of valid and test do not overlap.
        properties: see DataProperties.
    """

    def __init__(self, length: Count, stride: Count | None = None, **properties: Unpack[DataProperties]) -> None:
        super().__init__(**properties)
        self.length, self.stride = length, stride or length
        self.eval_rows = max(1, EVAL_TOKENS // length)

    def tokens(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return the ids of train, valid and test, each (tokens,)."""
        raise NotImplementedError

    def vocabulary(self) -> int:
        """Return the number of ids."""
        raise NotImplementedError

    def decode(self, ids: list[int]) -> str:
        """Return the text that `ids` encode."""
        raise NotImplementedError

    def load(self) -> Splits:
        train, valid, test = self.tokens()
        valid, test = (windows(part, self.length, self.length) for part in (valid, test))
        return Splits(windows(train, self.length, self.stride), valid, test)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary(), "num_outputs": self.vocabulary()}

    def eval_loader(self, split: Batch) -> EvalLoader:
        return EvalLoader(self._to_device(split), self.eval_rows, *self.placement.share)

    def _to_device(self, split: Batch) -> Batch:
        return tuple(to_device(view, self.placement.device) for view in split)


def to_device(view: Tensor, device: torch.device) -> Tensor:
    """Return `view`, windows (rows, length) of one sequence, on `device`, where overlapping windows share memory again."""
    return shared_storage(view).to(device).as_strided(view.shape, view.stride())
