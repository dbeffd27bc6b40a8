"""Several optimizers that behave as one: each with parameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer


class Composite(Optimizer):
    """Steps all `optimizers`; its groups are theirs, in order, and all keep their state in one place.

    So schedules, gradient norms and checkpoints need not know that it is several. train() and eval() reach those that have
    them.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        super().__init__([{"params": group["params"]} for group in groups], {})
        self.optimizers = list(optimizers)
        self.param_groups = groups
        for optimizer in optimizers:
            self.state.update(optimizer.state)
        self._share()

    def _share(self) -> None:
        """Give every optimizer its slice of the groups, and the one state."""
        start = 0
        for optimizer in self.optimizers:
            end = start + len(optimizer.param_groups)
            optimizer.param_groups, optimizer.state = self.param_groups[start:end], self.state
            start = end

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self._share()

    def train(self) -> None:
        self._put("train")

    def eval(self) -> None:
        self._put("eval")

    def _put(self, mode: str) -> None:
        for optimizer in self.optimizers:
            getattr(optimizer, mode, lambda: None)()
