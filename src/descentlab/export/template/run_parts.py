"""Functions that differ between runs: an exported script contains others in their place. These serve the type checker."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from descentlab.data.loading.loader import Batch


def load_data() -> tuple[Batch, Batch, Batch]:
    """Return train, valid and test."""
    raise NotImplementedError


def make_model() -> nn.Module:
    """Return the model with its initial weights."""
    raise NotImplementedError


def loss(predict: Any, batch: Batch) -> Tensor:
    """Return the mean loss of a batch."""
    raise NotImplementedError


def score(outputs: Tensor) -> Tensor:
    """Return the values that metrics compare with targets."""
    raise NotImplementedError


def metrics(mean: float, outputs: list[Tensor], split: Batch) -> dict[str, float]:
    """Return the metrics of a split by name, given its mean loss and the outputs of its batches."""
    raise NotImplementedError


def make_optimizers(model: nn.Module) -> list[Optimizer]:
    """Return the optimizers, which are stepped in this order."""
    raise NotImplementedError
