"""Backward pass and optimizer step that bypass Lightning's per-step hooks.

They are used if no user callback and no gradient scaler needs these hooks.
"""

from __future__ import annotations

from typing import Any

import lightning as L
from lightning.pytorch.strategies import Strategy
from torch import Tensor


def hooks_are_noops(trainer: L.Trainer) -> bool:
    """Return True if Lightning's manual-optimization hooks are no-ops: no gradient scaler, no callback of the user's.

    Lightning's manual_backward and LightningOptimizer.step together cost about as much as a step of softmax regression on 128
    examples, because they look for hooks to call. descentlab's own callback, marked `internal`, has none of them.
    """
    return not has_user_callbacks(trainer) and getattr(trainer.precision_plugin, "scaler", None) is None


def has_user_callbacks(trainer: L.Trainer) -> bool:
    """Return True if `trainer` has callbacks other than descentlab's own."""
    callbacks: Any = trainer.callbacks  # pyright: ignore[reportAttributeAccessIssue]
    return not all(getattr(callback, "internal", False) for callback in callbacks)


def backward_through(strategy: Strategy, loss: Tensor, create_graph: bool = False) -> None:
    """Accumulate the gradients of `loss`, averaged over processes where the strategy has several."""
    strategy.pre_backward(loss)
    loss.backward(create_graph=create_graph)
    strategy.post_backward(loss)
