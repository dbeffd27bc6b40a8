"""Sequences of tokens, cut into windows: inputs and, one step later, targets. No token is copied before its batch is made."""

from __future__ import annotations

from typing import Any, Unpack

import torch
from torch import Tensor

from descentlab.data.loading.loader import Batch, EvalLoader
from descentlab.data.loading.splits import Splits, shared_storage
from descentlab.data.loading.tensors import Facts, TensorData
from descentlab.errors import UsageError

EVAL_TOKENS = 16_384  # in a batch of evaluation, whose logits must fit into memory


def windows(ids: Tensor, length: int, stride: int) -> Batch:
    """Inputs and targets (rows, length), views of `ids` (tokens,): row r begins at token r * stride; targets are one later.

    Raises:
        UsageError: there are fewer tokens than a window and a target need.
    """
    if len(ids) <= length:
        raise UsageError(
            f"data.length={length}: a split has {len(ids)} tokens, which give no window of that length and a target"
        )
    return ids[:-1].unfold(0, length, stride), ids[1:].unfold(0, length, stride)


class Windows(TensorData):
    """Integer token ids (rows, length), and the ids that follow each of them, of the same shape.

    Args:
        length: tokens in a window.
        stride: from a training window to the next one, which share tokens if it is smaller than length; None: length. The
            windows of valid and test never share any.
        facts: see Facts.
    """

    def __init__(self, length: int, stride: int | None = None, **facts: Unpack[Facts]) -> None:
        super().__init__(**facts)
        self.length, self.stride = length, stride or length
        self.eval_rows = max(1, EVAL_TOKENS // length)

    def tokens(self) -> tuple[Tensor, Tensor, Tensor]:
        """The ids of train, valid and test, each (tokens,)."""
        raise NotImplementedError

    def vocabulary(self) -> int:
        """The number of ids."""
        raise NotImplementedError

    def decode(self, ids: list[int]) -> str:
        """The text that `ids` stand for."""
        raise NotImplementedError

    def load(self) -> Splits:
        train, valid, test = self.tokens()
        valid, test = (windows(part, self.length, self.length) for part in (valid, test))
        return Splits(windows(train, self.length, self.stride), valid, test)

    def inferred(self, splits: Splits) -> dict[str, Any]:
        return {"vocabulary": self.vocabulary(), "num_outputs": self.vocabulary()}

    def eval_loader(self, split: Batch) -> EvalLoader:
        return EvalLoader(self._to_device(split), self.eval_rows, *self._share())

    def _to_device(self, split: Batch) -> Batch:
        assert self.trainer is not None
        return tuple(moved(view, self.trainer.strategy.root_device) for view in split)


def moved(view: Tensor, device: torch.device) -> Tensor:
    """`view` (rows, length) of one row of tokens, as a view of that row on `device`: what windows share is there once."""
    return shared_storage(view).to(device).as_strided(view.shape, view.stride())
