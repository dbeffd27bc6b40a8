"""A gap between training and validation loss that grows: over-fitting."""

from __future__ import annotations

from descentlab.config.types import Count, PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.rows import Unseen, mean_loss

WINDOW = 5  # rows of the training loss that are averaged
LEAST = 0.1  # improvement of the validation loss, as a fraction of the first one, below which nothing was learned to lose


class Overfitting:
    """Reports that the validation loss rises, away from the training loss, which falls.

    Args:
        share: the smallest rise of the validation loss above its best value, and the smallest gap between validation and
            training loss, as fractions of the improvement of the validation loss from the first to the best one.
        validations: the number of successive validations that must show it.

    Source: Prechelt (1998), "Early stopping, but when?", generalization loss, here relative to the improvement.
    """

    name = "overfitting"

    def __init__(self, share: PositiveShare = 0.25, validations: Count = 2) -> None:
        self.share, self.validations, self.unseen = share, validations, Unseen()
        self.first = float("nan")  # validation loss
        self.best: tuple[int, float] | None = None  # step and validation loss
        self.risen = 0  # successive validations

    def check(self, history: History) -> Alert | None:
        for _, row in self.unseen.of(history.valid):
            step, loss = row["step"], row["valid/loss"]
            if loss is None:
                continue
            self.first = loss if self.best is None else self.first
            if self.best is None or loss < self.best[1]:
                self.best = step, loss
            has_risen = loss - self.best[1] > self.share * (self.first - self.best[1]) > 0
            self.risen = self.risen + 1 if has_risen else 0
            if self.risen >= self.validations and (found := self._at(history, step, loss)):
                return found
        return None

    def _at(self, history: History, step: int, loss: float) -> Alert | None:
        assert self.best is not None
        until = [[row for row in history.train if row["step"] <= each] for each in (self.best[0], step)]
        before, now = (mean_loss(rows[-WINDOW:]) if rows else float("nan") for rows in until)
        gap = loss - now
        improvement = self.first - self.best[1]
        if not now < before or improvement < LEAST * abs(self.first) or gap < self.share * improvement:
            return None
        rise = f"the validation loss rose from {self.best[1]:.3g} to {loss:.3g}"
        message = f"over-fitting: {rise} while the training loss fell from {before:.3g} to {now:.3g}"
        fixes = history.fixes("stop.patience=3", "model.dropout=0.5", "decay.rate=0.1", "optimizer.weight_decay=0.01")
        return Alert(self.name, self.best[0], message, None, fixes)
