"""A learning rate that is too high."""

from __future__ import annotations

import math

from descentlab.config.types import Count, NonNegative, Positive, PositiveFraction, PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.fixes import with_lr, with_momentum
from descentlab.diagnostics.alerts.rows import LargestRatio, Unseen, mean_loss


class LrHigh:
    """Reports a loss that has risen instead of falling, or that does not fall under large updates.

    The mean training loss of several rows is above the initial loss by `rise`, or the run has diverged from such a loss. Or
    the loss is not below the initial one by `fall`, although at two measured steps the median over layers of the ratio of
    update to weights was at least `ratio`, where about 1e-3 is usual (Karpathy, CS231n). A single large update does not
    count: the first one may be large in a run that trains well, as that of RMSProp, whose moments are zero before it. But
    one of at least `huge` replaces the weights, and is reported if the loss is not below the initial one by `recovery` after
    `share` of the steps. Ratios count in models of several layers only.

    Args:
        rise: the smallest increase that counts, as a fraction of the initial loss.
        fall: the decrease, as a fraction of the initial loss, below which large updates count as too large.
        ratio: the smallest ratio of update to weights that counts as large.
        huge: the smallest ratio of update to weights that counts as huge.
        recovery: the decrease, as a fraction of the initial loss, below which a huge update counts as too large.
        share: the part of the planned steps after which that is decided.
        rows: the number of rows of the curves over which the loss is averaged.

    Source: Bengio (2012), arXiv:1206.5533, section 3.1.1.
    """

    name = "lr_high"

    def __init__(
        self,
        rise: Positive = 0.2,
        fall: NonNegative = 0.1,
        ratio: PositiveFraction = 0.1,
        huge: Positive = 0.5,
        recovery: NonNegative = 0.5,
        share: PositiveShare = 0.5,
        rows: Count = 5,
    ) -> None:
        self.rise, self.fall, self.ratio, self.rows = rise, fall, ratio, rows
        self.huge, self.recovery, self.share = huge, recovery, share
        self.unseen, self.largest = Unseen(), LargestRatio()
        self.large: int | None = None  # the first step with a large update
        self.lowest, self.lowest_step = math.inf, 0  # the lowest mean loss, and the last step of its rows

    def check(self, history: History) -> Alert | None:
        loss = history.initial_loss
        if loss is None:
            return None
        fallen = loss - self.fall * abs(loss)  # a loss below it has fallen
        for index, row in self.unseen.of(history.train):
            since = self._large_since(history, row["step"])
            if index < self.rows:  # the row of step 0 is not averaged
                continue
            mean = mean_loss(history.train[index + 1 - self.rows : index + 1])
            if mean >= loss + self.rise * abs(loss):
                observed = f"the training loss rose from {loss:.3g} to {mean:.3g}"
                return self._alert(history, _start(history, index, loss), observed)
            if since is not None and mean > fallen:
                if self.lowest > fallen:
                    return self._alert(history, since, f"the training loss does not fall: {loss:.3g}, then {mean:.3g}")
                observed = f"the training loss fell from {loss:.3g} to {self.lowest:.3g} and has risen to {mean:.3g}"
                return self._alert(history, self.lowest_step, observed)
            since = self._huge_since(history, row["step"])
            if since is not None and mean > loss - self.recovery * abs(loss):
                return self._alert(history, since, f"the training loss has hardly fallen: {loss:.3g}, then {mean:.3g}")
            if mean < self.lowest:
                self.lowest, self.lowest_step = mean, row["step"]
        return self._of_divergence(history, loss)

    def _large_since(self, history: History, step: int) -> int | None:
        """Return the first step with a large update, if there were two up to `step`."""
        ratio = self.largest.until(history, step) or 0.0
        if self.large is None and ratio >= self.ratio and len(self.largest.layers or ()) > 1:
            self.large = step
        return self.large if self.largest.second >= self.ratio else None

    def _huge_since(self, history: History, step: int) -> int | None:
        """Return the first step with a large update, if one was huge and the loss has had the time to recover from it."""
        late = history.total is not None and step >= self.share * history.total
        return self.large if late and (self.largest.largest or 0.0) >= self.huge else None

    def _of_divergence(self, history: History, loss: float) -> Alert | None:
        if history.diverged_step is None or not history.train:
            return None
        last, observed = len(history.train) - 1, f"the loss diverged at step {history.diverged_step}"
        if history.train[last]["train/loss"] > loss + self.rise * abs(loss):
            return self._alert(history, min(_start(history, last, loss), history.diverged_step), observed)
        return None if self.large is None else self._alert(history, self.large, observed)

    def _alert(self, history: History, since: int, observed: str) -> Alert:
        ratio = self.largest.largest
        updates = f"; an update was {ratio:.2g} times the weights" if ratio is not None else ""
        fixes = history.fixes(*with_momentum(history, 0.95), *with_lr(history, 0.1), *with_lr(history, 0.01))
        return Alert(self.name, since, f"the learning rate is too high: {observed}{updates}", None, fixes)


def _start(history: History, index: int, loss: float) -> int:
    """Return the step of the first row of those up to `index` whose losses are all above `loss`."""
    start = index
    while start > 1 and history.train[start - 1]["train/loss"] > loss:
        start -= 1
    return history.train[start]["step"]
