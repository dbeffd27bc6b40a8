"""Oscillation at the edge of stability."""

from __future__ import annotations

from itertools import pairwise

from descentlab.config.types import AtLeastOne, Count, PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, History, Row
from descentlab.diagnostics.alerts.fixes import with_lr
from descentlab.diagnostics.alerts.rows import Unseen


class Oscillation:
    """Reports a loss that rises and falls in turn, or a curvature above the limit of stability, with batch_size=full.

    The loss at successive steps (log_every=1) oscillates if its changes have the opposite sign of the change before in
    `share` of the cases. Where a probe measures it, the ratio of the curvature to the largest one at which the optimizer is
    stable on a quadratic (stability_ratio, or sharpness_ratio, which is sharpness x lr / 2) is above `stability`.

    Args:
        rows: the number of successive rows.
        share: the smallest fraction of the changes that have the opposite sign.
        stability: the smallest ratio, at each of three successive measurements.

    Source: Cohen et al. (2021), arXiv:2103.00065.
    """

    name = "oscillation"

    def __init__(self, rows: Count = 20, share: PositiveShare = 0.95, stability: AtLeastOne = 1.0) -> None:
        self.rows, self.share, self.stability = rows, share, stability
        self.unseen, self.sharp = Unseen(), list[tuple[int, float]]()

    def check(self, history: History) -> Alert | None:
        if history.setting("batch_size") != "full":
            return None
        for index, row in self.unseen.of(history.train):
            if found := self._of_sharpness(history, row) or self._of_loss(history, index):
                return found
        return None

    def _of_loss(self, history: History, index: int) -> Alert | None:
        rows = history.train[index - self.rows : index + 1] if index >= self.rows else []
        if not rows or rows[-1]["step"] - rows[0]["step"] != self.rows:
            return None
        losses = [row["train/loss"] for row in rows]
        changes = [after - before for before, after in pairwise(losses)]
        turns = sum(one * next_one < 0 for one, next_one in pairwise(changes))
        if turns < self.share * (len(changes) - 1) or max(losses) - min(losses) < 1e-3 * abs(history.initial_loss or 0.0):
            return None
        observed = f"the loss rises and falls in turn between {min(losses):.3g} and {max(losses):.3g}"
        return self._alert(history, rows[0]["step"], observed)

    def _of_sharpness(self, history: History, row: Row) -> Alert | None:
        values = [row.get(f"train/{name}") for name in ("stability_ratio", "sharpness_ratio")]
        value = next((value for value in values if value is not None), None)
        if value is None:
            return None
        self.sharp = [*self.sharp, (row["step"], value)] if value >= self.stability else []
        if len(self.sharp) < 3:
            return None
        return self._alert(history, self.sharp[0][0], f"the curvature is {value:.3g} times the limit of stability")

    def _alert(self, history: History, step: int, observed: str) -> Alert:
        fixes = history.fixes(*with_lr(history, 0.5), *with_lr(history, 0.1), "schedule=cosine")
        return Alert(self.name, step, f"oscillation at the edge of stability: {observed}", None, fixes)
