"""A second moment that remembers gradients of long ago: beta2 is too near 1."""

from __future__ import annotations

from descentlab.config.types import Positive, PositiveFraction
from descentlab.diagnostics.alerts.alert import Alert, History, Row
from descentlab.diagnostics.alerts.rows import Unseen


class StaleMoment:
    """Reports that Adam's updates have become small because its second moment still holds the first, large gradients.

    The second moment averages over 1 / (1 - beta2) steps. If these are `memory` times the planned steps or more, and the norm
    of the gradient has fallen below `gradient` times the largest one, then updates are small in relation to the learning
    rate: |u| / lr has fallen below `update` times its value at the first step.

    Args:
        memory: the smallest ratio of 1 / (1 - beta2) to the planned steps.
        gradient: the largest ratio of the gradient norm to the largest one so far.
        update: the largest ratio of |u| / lr to that of the first step.

    Source: Kingma and Ba (2015), arXiv:1412.6980, section 2; Shazeer and Stern (2018), arXiv:1804.04235, section 5.
    """

    name = "stale_moment"

    def __init__(self, memory: Positive = 10.0, gradient: PositiveFraction = 0.05, update: PositiveFraction = 0.05) -> None:
        self.memory, self.gradient, self.update, self.unseen = memory, gradient, update, Unseen()
        self.largest = 0.0  # norm of a gradient so far
        self.first = 0.0  # |u| / lr

    def check(self, history: History) -> Alert | None:
        betas, total = history.setting("optimizer.betas"), history.total
        beta = betas[1] if isinstance(betas, list) and len(betas) > 1 else None
        if not isinstance(beta, float) or total is None or beta >= 1 or 1 / (1 - beta) <= self.memory * total:
            return None
        for _, row in self.unseen.of(history.train):
            if found := self._at(history, row, beta):
                return found
        return None

    def _at(self, history: History, row: Row, beta: float) -> Alert | None:
        norm, update, lr = (row.get(f"train/{name}") for name in ("grad_norm", "update_norm", "lr"))
        if norm is None or update is None or not lr:
            return None
        self.largest, pace = max(self.largest, norm), update / lr
        first = self.first = self.first or pace
        if norm > self.gradient * self.largest or not 0 < pace <= self.update * first:
            return None
        memory = f"beta2={beta:g} averages over {1 / (1 - beta):,.0f} steps, of {history.total:,} planned ones"
        message = f"the second moment is stale: {memory}; updates are {first / pace:.0f} times smaller than the first one"
        fixes = history.fixes("optimizer.betas=[0.9,0.999]", "optimizer.betas=[0.9,0.99]")
        return Alert(self.name, row["step"], message, None, fixes)
