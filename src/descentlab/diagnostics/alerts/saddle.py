"""A saddle point, at which the gradient vanishes and the loss can still fall."""

from __future__ import annotations

from collections.abc import Mapping

from descentlab.config.types import AtLeastOne, Count, PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.fixes import with_lr
from descentlab.diagnostics.alerts.rows import Unseen

NEAR = 2.0  # norms up to this multiple of the smallest one count as near the saddle


class Saddle:
    """Reports a saddle point that the run has passed slowly, or one at which weights of zero keep gradients at zero.

    Let g be the smallest norm of the gradient so far, b the largest one before it and a the current one. A saddle was passed
    if b a / g^2 is at least `ratio` (the gradient fell, and has grown since), if the loss has fallen since by `fall`, and if
    at least `rows` successive rows had a norm below 2 g.

    Args:
        ratio: the smallest b a / g^2.
        fall: the smallest decrease of the loss after the smallest gradient, as a fraction of the initial loss.
        rows: the smallest number of rows of the curves near the saddle.

    Source: Dauphin et al. (2014), arXiv:1406.2572; for weights of zero, Goodfellow et al. (2016), Deep Learning, section 8.4.
    """

    name = "saddle"

    def __init__(self, ratio: AtLeastOne = 100.0, fall: PositiveShare = 0.2, rows: Count = 50) -> None:
        self.ratio, self.fall, self.rows = ratio, fall, rows
        self.unseen, self.unseen_layers = Unseen(), Unseen()
        self.highest = 0.0  # norm of the gradient so far
        self.lowest = self.before = float("inf")  # the smallest norm so far, and the largest one before it
        self.place = self.rejected = -1  # the row of the smallest norm; one that is no saddle
        self.is_stuck = False  # True if there were layers without a gradient at the last measured step

    def check(self, history: History) -> Alert | None:
        for _, (_, quantities) in self.unseen_layers.of(history.layers.items()):
            was_stuck, layer = self.is_stuck, self._layer_of_zeros(history, quantities)
            self.is_stuck = layer is not None
            if layer is not None and was_stuck:
                return self._of_zeros(history, layer)
        for index, row in self.unseen.of(history.train):
            norm = row.get("train/grad_norm")
            if norm is not None and (found := self._at(history, index, norm)):
                return found
        return None

    def _layer_of_zeros(self, history: History, quantities: Mapping[str, Mapping[str, float]]) -> str | None:
        """Return the first layer, if half of the layers have no gradient and some have weights of zero, but not the last."""
        gradients, weights = (history.in_order(quantities.get(name, {})) for name in ("grad_norm", "weight_norm"))
        norms = list(gradients.values())
        is_stuck = norms and norms[-1] and 2 * norms.count(0) >= len(norms) and not all(weights.values())
        return next(iter(gradients)) if is_stuck and norms[0] == 0 else None

    def _of_zeros(self, history: History, layer: str) -> Alert:
        step = next(iter(history.layers))
        message = f"a saddle point: weights of zero keep the gradient of {layer} at zero"
        return Alert(self.name, step, message, layer, history.fixes("model.init=he", "model.init=glorot", "model.init=default"))

    def _at(self, history: History, index: int, norm: float) -> Alert | None:
        self.highest = max(self.highest, norm)
        if norm < self.lowest:
            self.lowest, self.before, self.place = norm, self.highest, index
        has_grown = 0 < self.ratio * self.lowest * self.lowest <= self.before * norm
        now, level = (history.train[row]["train/loss"] for row in (index, self.place))
        if not has_grown or self.place == self.rejected or level - now < self.fall * abs(history.initial_loss or 0.0):
            return None
        near = self._near(history)
        if len(near) < self.rows:
            self.rejected = self.place
            return None
        grown = f"the gradient's norm fell to {self.lowest:.2g} and grew to {norm:.2g}"
        message = f"a saddle point: {grown} while the loss fell from {level:.3g} to {now:.3g}"
        fixes = history.fixes(*with_lr(history, 10), "optimizer=momentum", "optimizer=adam")
        return Alert(self.name, history.train[near.start]["step"], message, None, fixes)

    def _near(self, history: History) -> range:
        """Return the successive rows around the smallest norm that are near the saddle."""
        start = stop = self.place
        while start and self._is_near(history, start - 1):
            start -= 1
        while stop < len(history.train) and self._is_near(history, stop):
            stop += 1
        return range(start, stop)

    def _is_near(self, history: History, index: int) -> bool:
        return history.train[index].get("train/grad_norm", float("inf")) <= NEAR * self.lowest
