"""A spike of the training loss."""

from __future__ import annotations

from statistics import median

from descentlab.config.types import AtLeastOne, Count, PositiveShare
from descentlab.diagnostics.alerts.alert import Alert, History
from descentlab.diagnostics.alerts.fixes import with_lr
from descentlab.diagnostics.alerts.rows import Unseen


class LossSpike:
    """Reports a training loss far above those of the rows before it.

    Args:
        share: the smallest rise above the median of the rows before, as a fraction of the decrease from the initial loss to
            that median.
        deviations: the smallest rise in median absolute deviations of the rows before.
        rows: number of rows before that are compared.

    Source: Chowdhery et al. (2022), PaLM, arXiv:2204.02311, section 5.1; Molybog et al. (2023), arXiv:2304.09871.
    """

    name = "loss_spike"

    def __init__(self, share: PositiveShare = 0.5, deviations: AtLeastOne = 10.0, rows: Count = 10) -> None:
        self.share, self.deviations, self.rows, self.unseen = share, deviations, rows, Unseen()

    def check(self, history: History) -> Alert | None:
        for index, row in self.unseen.of(history.train):
            before, first = (
                [each["train/loss"] for each in history.train[max(0, index - self.rows) : index]],
                history.initial_loss,
            )
            if len(before) < self.rows or first is None:
                continue
            middle = median(before)
            deviation = median(abs(each - middle) for each in before)
            rise, gain = row["train/loss"] - middle, first - middle
            if gain > 0 and rise > max(self.share * gain, self.deviations * deviation):
                message = (
                    f"the training loss has a spike: {row['train/loss']:.3g} after {middle:.3g} (median of {self.rows} rows)"
                )
                fixes = history.fixes("clip.norm=1", *with_lr(history, 0.1), "schedule=cosine")
                return Alert(self.name, row["step"], message, None, fixes)
        return None
