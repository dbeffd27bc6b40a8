"""A learning rate that is too low."""

from __future__ import annotations

import math

from descentlab.config.types import NonNegative, PositiveFraction, PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.fixes import with_lr
from descentlab.diagnostics.alerts.rows import LargestRatio, Unseen, mean_loss

USUAL = 1e-3  # ratio of update to weights
WINDOW = 5  # rows


class LrLow:
    """Reports that the loss hardly falls because the updates are too small for the weights.

    Args:
        ratio: the largest ratio of update to weights that counts as too small, in all layers at all measured steps. About
            1e-3 is usual.
        fall: a decrease of the loss below this fraction of the initial loss counts as hardly any.
        share: the part of the planned steps after which the loss is compared with the initial one.

    Source: Karpathy, CS231n, "Ratio of weights:updates".
    """

    name = "lr_low"

    def __init__(self, ratio: PositiveFraction = 1e-4, fall: NonNegative = 0.1, share: PositiveShare = 0.25) -> None:
        self.ratio, self.fall, self.share = ratio, fall, share
        self.unseen, self.largest = Unseen(), LargestRatio(max)

    def check(self, history: History) -> Alert | None:
        loss = history.initial_loss
        for index, row in self.unseen.of(history.train):
            late = history.total is not None and row["step"] >= self.share * history.total
            window = history.train[max(0, index + 1 - WINDOW) : index + 1]
            largest = self.largest.until(history, row["step"]) if late else None
            if loss is None or largest is None or not 0 < largest <= self.ratio:
                continue
            if (mean := mean_loss(window)) > loss - self.fall * abs(loss):
                return self._alert(history, loss, mean, largest)
        return None

    def _alert(self, history: History, before: float, now: float, largest: float) -> Alert:
        message = f"the learning rate is too low: the training loss went from {before:.4g} to {now:.4g}"
        updates = f"; no update was larger than {largest:.1e} times the weights"
        usual = with_lr(history, 10 ** round(math.log10(USUAL / largest)))
        fixes = ["clip.norm=null", *usual] if self._is_clipped(history) else usual
        return Alert(self.name, 0, message + updates, None, history.fixes(*fixes))

    def _is_clipped(self, history: History) -> bool:
        """Return True if clipping divides the gradients of most rows by 10 or more."""
        bound = history.setting("clip.norm")
        norms = [row["train/grad_norm"] for row in history.train if row.get("train/grad_norm") is not None]
        return bound is not None and 2 * sum(norm > 10 * bound for norm in norms) > len(norms)
