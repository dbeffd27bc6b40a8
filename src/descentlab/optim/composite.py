"""Several optimizers that behave as one, each for a separate set of parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.optim import Optimizer


def parts_of(optimizer: Optimizer) -> list[Optimizer]:
    """Return the parts of a Composite; of any other optimizer, a list of itself."""
    return optimizer.optimizers if isinstance(optimizer, Composite) else [optimizer]


class Composite(Optimizer):
    """Optimizer that steps each of `optimizers`. Its groups are theirs, in order, and they share one state dictionary.

    Schedules, gradient norms and checkpoints therefore treat it as one optimizer. train() and eval() are forwarded to the
    optimizers that have them.
    """

    def __init__(self, optimizers: Sequence[Optimizer]) -> None:
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        super().__init__([{"params": group["params"]} for group in groups], {})
        self.optimizers = list(optimizers)
        self._gather()

    def _gather(self) -> None:
        """Collect the groups, and replace the states by a single shared one."""
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
        """Load the groups and states of each optimizer, by that optimizer's own method."""
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
