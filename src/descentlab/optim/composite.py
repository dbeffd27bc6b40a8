"""Several optimizers that behave as one: each with parameters of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer


def parts_of(optimizer: Optimizer) -> list[Optimizer]:
    """The optimizers that `optimizer` consists of: itself, unless it is several."""
    return optimizer.optimizers if isinstance(optimizer, Composite) else [optimizer]


class Composite(Optimizer):
    """Steps all `optimizers`; its groups are theirs, in order, and all keep their state in one place.

    So schedules, gradient norms and checkpoints need not know that it is several. train() and eval() reach those that have
    them.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        super().__init__([{"params": group["params"]} for group in groups], {})
        self.optimizers = list(optimizers)
        self._gather()

    def _gather(self) -> None:
        """Have all groups, and one state for all."""
        self.param_groups = [group for optimizer in self.optimizers for group in optimizer.param_groups]
        state = defaultdict(dict, {key: value for optimizer in self.optimizers for key, value in optimizer.state.items()})
        self.state = state
        for optimizer in self.optimizers:
            optimizer.state = state

    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for optimizer in self.optimizers:
            optimizer.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Each optimizer takes its part, in its own way."""
        start, groups, state = 0, list(state_dict["param_groups"]), state_dict["state"]
        for optimizer in self.optimizers:
            part = groups[start : start + len(optimizer.param_groups)]
            own = {key: state[key] for group in part for key in group["params"] if key in state}
            optimizer.load_state_dict({"state": own, "param_groups": part})
            start += len(part)
        self._gather()

    def train(self) -> None:
        self._put("train")

    def eval(self) -> None:
        self._put("eval")

    def _put(self, mode: str) -> None:
        for optimizer in self.optimizers:
            getattr(optimizer, mode, lambda: None)()
