"""A training loss that stays near its initial value although the weights change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from annotated_types import Len

from descentlab.config.types import PositiveFraction, PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.fixes import with_gates, with_lr, with_norm
from descentlab.diagnostics.alerts.rows import LargestRatio, Unseen, mean_loss

FEW = 8  # rows; fewer do not show a plateau


class Plateau:
    """Reports that the training loss no longer falls although most of it is left.

    The rows of the latter half of the training so far are compared: the mean loss of the second half of them is not
    smaller, by `tolerance` of the initial loss, than that of the first half. A loss that has fallen further than to
    `level` times the initial one counts as converged, and is not reported.

    Args:
        share: the part of the planned steps after which the loss is first compared.
        level: the smallest fraction of the initial loss at which a constant loss counts as a plateau.
        tolerance: the largest decrease that counts as constant, as a fraction of the initial loss.
        ratios: the range of the largest ratio of update to weights (median over layers) in which the weights count as
            changing; see lr_low and lr_high for smaller and larger ones.

    Source: Goodfellow et al. (2016), Deep Learning, section 8.2.2 and 8.2.3.
    """

    name = "plateau"

    def __init__(
        self,
        share: PositiveShare = 0.5,
        level: PositiveFraction = 0.9,
        tolerance: PositiveFraction = 0.01,
        ratios: Annotated[Sequence[PositiveFraction], Len(2, 2)] = (1e-4, 0.1),
    ) -> None:
        self.share, self.level, self.tolerance, self.ratios = share, level, tolerance, ratios
        self.unseen, self.largest = Unseen(), LargestRatio()

    def check(self, history: History) -> Alert | None:
        for index, row in self.unseen.of(history.train):
            is_late = history.total is not None and row["step"] >= self.share * history.total
            if is_late and (found := self._at(history, index)):
                return found
        return self._at(history, len(history.train) - 1) if history.is_over and history.total is None else None

    def _at(self, history: History, index: int) -> Alert | None:
        loss, rows = history.initial_loss, history.train[(index + 1) // 2 : index + 1]
        if loss is None or len(rows) < FEW or not self._changes(history, rows[-1]["step"]):
            return None
        before, now = mean_loss(rows[: len(rows) // 2]), mean_loss(rows[len(rows) // 2 :])
        if abs(before - now) > self.tolerance * abs(loss) or now < loss - (1 - self.level) * abs(loss):
            return None
        since = self._since(history, index, now, abs(loss))
        message = f"the training loss does not fall: {now:.4g} on average, {loss:.4g} before the first step"
        fixes = [*with_gates(history), "model.activation=relu", *with_norm(history), *with_lr(history, 0.1)]
        return Alert(self.name, since, message, None, history.fixes(*fixes, "optimizer=adam"))

    def _changes(self, history: History, step: int) -> bool:
        """Return True if the updates up to `step` are of a usual size, or were not measured."""
        ratio = self.largest.until(history, step)
        return ratio is None or self.ratios[0] <= ratio <= self.ratios[1]

    def _since(self, history: History, index: int, level: float, scale: float) -> int:
        """Return the step of the first row of the longest run of rows up to `index` that stay within 10 % of `level`."""
        start = index
        while start and abs(history.train[start - 1]["train/loss"] - level) <= 0.1 * scale:
            start -= 1
        return history.train[start]["step"]
